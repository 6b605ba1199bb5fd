"""How much the live version uses each column: from MLflow, from the lake alone, as tags."""

from datetime import date
from pathlib import Path

import pytest

import ledger
from assets.column_metadata import column_metadata, prediction_metadata
from lifecycle.used_columns import last_watched, used_columns
from resources.registry import registry_of
from resources.settings import Settings

NODE = {
    "schema": "features", "name": "customer_features", "package_name": "shop",
    "original_file_path": "models/features/customer_features.sql", "depends_on": {"nodes": []},
    "columns": {"visits": {"name": "visits", "description": "Visits of the day."}},
}  # fmt: skip


def test_the_live_version_tells_what_it_uses_the_most_important_being_one(history) -> None:
    used = used_columns(history.lake, history.registry, history.model)
    assert used.version == ledger.champion_on(history.lake, history.model.name, date.max)
    assert set(used.importance) == {"visits", "spend", "country"}
    assert used.importance["visits"] == 1.0
    assert (used.rank("visits"), used.rank("nothing")) == (1, None)


def test_before_the_first_champion_nothing_is_used(fresh) -> None:
    used = used_columns(fresh.lake, fresh.registry, fresh.model)
    assert (used.version, used.importance) == (None, None)
    assert used.note == "no version is live yet"
    assert last_watched(fresh.lake, fresh.model) == {}


def test_a_registry_that_lacks_the_run_leaves_it_unknown_and_says_why(
    history, tmp_path: Path
) -> None:
    used = used_columns(history.lake, registry_of(Settings(home=tmp_path)), history.model)
    assert used.importance is None
    assert "cannot be read" in used.note


def test_columns_carry_the_importance_of_the_last_watch_as_tags(
    history, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history.watch(history.last)
    used = used_columns(history.lake, history.registry, history.model)
    assert last_watched(history.lake, history.model) == used.importance
    manifest = {"nodes": {"model.shop.f": NODE}, "sources": {}}
    told = column_metadata(manifest, "model.shop.f", tmp_path, history.lake, [history.model])
    columns = {column.name: column for column in told["dagster/column_schema"].schema.columns}
    assert columns["visits"].tags == {"importance/repeat_purchase": "1.000"}
    assert columns["visits"].description == "Visits of the day."
    assert columns["customer_id"].tags == {}
    assert "dagster/column_lineage" not in told
    assert "no column lineage: FileNotFoundError" in caplog.text


def test_predictions_descend_from_every_feature_that_is_not_left_out(shop_model) -> None:
    columns = ("customer_id", "as_of", "visits", "country")
    stored = tuple({"name": name, "data_type": "integer"} for name in columns)
    features = {"table": "customer_features", "exclude": ("country",)}
    model = type(shop_model).model_validate(
        {**shop_model.model_dump(), "feature_columns": stored, "features": features}
    )
    lineage = prediction_metadata(model)["dagster/column_lineage"].deps_by_column
    assert {name: [dep.column_name for dep in deps] for name, deps in lineage.items()} == {
        "customer_id": ["customer_id"], "as_of": ["as_of"], "prediction": ["visits"],
    }  # fmt: skip
