from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from declared import declared
from errors import DeclarationError

SOURCES = "models/staging/shop/_shop__sources.yml"
EXPOSURES = "models/exposures.yml"


@pytest.fixture
def edited(parsed: dict[str, Any]) -> dict[str, Any]:
    """A copy of the default project's manifest, to make mistakes in."""
    kept = {key: parsed[key] for key in ("sources", "exposures", "nodes")}
    return deepcopy(kept)


def source(manifest: dict[str, Any]) -> dict[str, Any]:
    return next(node for node in manifest["sources"].values() if node["name"] == "order_lines")


def model(manifest: dict[str, Any]) -> dict[str, Any]:
    [node] = manifest["exposures"].values()
    return node["config"]["meta"]["model"]


def mistake(manifest: dict[str, Any]) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        declared(manifest)
    error = caught.value
    assert str(error) == f"{error.file}: `{error.key}` is {error.value!r}: {error.fix}"
    return error


def test_the_default_project_declares_a_table_and_a_model(parsed) -> None:
    found = declared(parsed)
    [table], [one] = found.tables, found.models
    columns = {column.name: column for column in table.columns}
    assert table.name == "order_lines"
    assert table.ingest.event_time == "invoice_date"
    assert columns["customer_id"].pii
    assert columns["customer_id"].aliases == ("Customer ID", "CustomerID")
    assert columns["price"].spark_type == "decimal(18,4)"
    assert sorted(test.name for test in columns["quantity"].tests) == ["in_range", "not_null"]
    assert (one.name, one.label.horizon_days, one.gate.slices) == (
        "repeat_purchase", 14, ("country",),
    )  # fmt: skip
    assert (one.features_schema, one.label_schema) == ("features", "features")


def test_the_first_day_is_the_earliest_that_a_table_declares(edited) -> None:
    assert declared(edited).start is None
    source(edited)["config"]["meta"]["ingest"]["start"] = "2010-01-04"
    assert declared(edited).start == date(2010, 1, 4)


def test_a_pseudonym_is_stored_as_text_and_has_no_median(edited) -> None:
    source(edited)["columns"]["customer_id"]["data_type"] = "integer"
    customer = next(c for c in declared(edited).tables[0].columns if c.pii)
    assert (customer.stored_type, customer.is_number) == ("varchar", False)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["columns"]["country"]["config"]["meta"].update(aliases=["Land"]),
        lambda table: table["columns"]["price"].update(data_type="double"),
        lambda table: table["config"]["meta"]["ingest"].update(timezone="Europe/London"),
    ],
)
def test_what_decides_about_rows_changes_the_contract_s_checksum(edited, change) -> None:
    before = declared(edited).tables[0].checksum
    change(source(edited))
    assert declared(edited).tables[0].checksum != before


def test_what_does_not_decide_about_rows_leaves_the_checksum(edited) -> None:
    before = declared(edited).tables[0].checksum
    source(edited)["config"]["meta"]["ingest"].update(max_reject_rate=0.5)
    source(edited)["columns"]["country"]["description"] = "where to"
    assert declared(edited).tables[0].checksum == before


INGEST = "shop.order_lines.config.meta.ingest"


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("evnt_time", "invoice_date", "unknown key: did you mean 'event_time'?"),
        ("format", "xlsx", "'csv'"),
        ("on_missing", "ignore", "'empty' or 'fail'"),
        ("max_reject_rate", 2, "less than or equal to 1"),
        ("max_reject_rate", "few", "valid number"),
        ("path", "{landing}/all.csv", "put {partition} where the day"),
        ("event_time", "invoice_dat", "did you mean 'invoice_date'?"),
        ("start", "yesterday", "valid date"),
        ("timezone", "Europe/Lodnon", "Europe/London"),
    ],
)
def test_a_mistake_of_an_ingest_is_named(edited, key: str, value: object, fix: str) -> None:
    source(edited)["config"]["meta"]["ingest"][key] = value
    error = mistake(edited)
    assert (error.file, error.key, error.value) == (SOURCES, f"{INGEST}.{key}", value)
    assert fix in error.fix


def test_an_ingest_without_a_path_is_named(edited) -> None:
    del source(edited)["config"]["meta"]["ingest"]["path"]
    error = mistake(edited)
    assert (error.key, error.fix) == (f"{INGEST}.path", "Field required")


COLUMN = "shop.order_lines.columns"


def test_a_column_without_a_type_is_named(edited) -> None:
    source(edited)["columns"]["country"]["data_type"] = None
    error = mistake(edited)
    assert (error.file, error.key) == (SOURCES, f"{COLUMN}.country.data_type")
    assert "say the type" in error.fix


def test_a_column_of_an_unsupported_type_is_named(edited) -> None:
    source(edited)["columns"]["country"]["data_type"] = "string[]"
    error = mistake(edited)
    assert (error.key, error.value) == (f"{COLUMN}.country.data_type", "string[]")
    assert "use one of varchar, integer" in error.fix


def test_an_unknown_key_of_a_column_is_named(edited) -> None:
    source(edited)["columns"]["country"]["config"]["meta"]["alias"] = ["Land"]
    error = mistake(edited)
    assert error.key == f"{COLUMN}.country.alias"
    assert "did you mean 'aliases'?" in error.fix


def test_a_table_without_columns_is_named(edited) -> None:
    source(edited)["columns"] = {}
    assert mistake(edited).key == COLUMN


def test_a_data_test_that_spark_does_not_enforce_is_named(edited) -> None:
    column_test = next(
        node
        for node in edited["nodes"].values()
        if node["resource_type"] == "test" and node.get("column_name") == "country"
        and node["file_key_name"] == "sources.shop"
    )  # fmt: skip
    column_test["test_metadata"]["name"] = "matchs"
    error = mistake(edited)
    assert (error.file, error.key, error.value) == (
        SOURCES, f"{COLUMN}.country.data_tests", "matchs",
    )  # fmt: skip
    assert "did you mean 'matches'?" in error.fix


def test_a_data_test_of_a_whole_raw_table_is_named(edited) -> None:
    node = next(
        n for n in edited["nodes"].values() if n.get("file_key_name") == "sources.shop"
    )  # fmt: skip
    node["column_name"] = None
    error = mistake(edited)
    assert error.key == "shop.order_lines.data_tests"
    assert "belongs on the staging model" in error.fix


MODEL = "repeat_purchase.config.meta.model"


@pytest.mark.parametrize(
    ("path", "value", "key", "fix"),
    [
        (("task",), "ranking", "task", "'binary'"),
        (("tsk",), "binary", "tsk", "did you mean 'task'?"),
        (("entity",), "customer", "features.table", "did you mean 'customer_id'?"),
        (("time",), "day", "features.table", "has no such column"),
        (("train", "estimator"), "forest", "train.estimator", "'tabular'"),
        (("train", "min_rows"), 0, "train.min_rows", "greater than or equal to 1"),
        (("train", "min_row"), 9, "train.min_row", "unknown key: did you mean 'min_rows'?"),
        (("gate", "slices"), ["contry"], "gate.slices", "did you mean 'country'?"),
        (("gate", "metric"), "auc", "gate.metric", "'log_loss'"),
        (("label", "column"), "repurchase", "label.table", "did you mean 'repurchased'?"),
        (("label", "table"), "customer_label", "label.table", "did you mean 'customer_labels'?"),
        (("features", "table"), "customer_feature", "features.table", "'customer_features'?"),
        (("features", "exclude"), ["x"], "features.table", "has no such column"),
        (("label", "horizon_days"), "two weeks", "label.horizon_days", "valid integer"),
        (("drift",), {"windows_days": 7}, "drift.windows_days", "unknown key"),
        (("retrain", "cooldown_days"), -1, "retrain.cooldown_days", "greater than or equal"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_model_is_named(
    edited, path: tuple[str, ...], value: object, key: str, fix: str
) -> None:
    place = model(edited)
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    error = mistake(edited)
    assert (error.file, error.key) == (EXPOSURES, f"{MODEL}.{key}")
    assert error.value == (value[0] if isinstance(value, list) else error.value)
    assert fix in error.fix


def test_an_exposure_that_does_not_refer_to_its_table_is_told_to(edited) -> None:
    [node] = edited["exposures"].values()
    node["depends_on"]["nodes"] = [n for n in node["depends_on"]["nodes"] if "labels" not in n]
    error = mistake(edited)
    assert error.key == f"{MODEL}.label.table"
    assert "depends_on must name it with ref()" in error.fix
