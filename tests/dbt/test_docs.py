"""`dbt docs` and `dbt source freshness` on a lake, as an analyst runs them."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

DAY = "2024-03-01"


@pytest.fixture
def documents(shop) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and catalog of a lake with one built day."""
    shop.deliver(DAY, ("ann", "22423", 1))
    shop.build(DAY, "2024-03-02", "--exclude", "customer_labels")
    assert shop.dbt("docs", "generate")
    folder = shop.home / "target"
    return tuple(
        json.loads((folder / f"{name}.json").read_text()) for name in ("manifest", "catalog")
    )


def test_sources_features_and_models_are_one_graph_with_columns(documents) -> None:
    manifest, catalog = documents
    above = ["exposure.leeway.repeat_purchase"]
    for node in above:  # grows while it is walked
        above += [parent for parent in manifest["parent_map"][node] if parent not in above]
    assert {
        "model.leeway.customer_features",
        "model.leeway.int_customer_history",
        "model.leeway.stg_shop__order_lines",
        "source.leeway.shop.order_lines",
        "source.leeway.ledger.deliveries",
    } <= set(above)
    assert not catalog["errors"]
    features = catalog["nodes"]["model.leeway.customer_features"]
    assert features["columns"]["revenue_30d"]["type"] == "DECIMAL(18,2)"
    assert set(features["columns"]) == set(
        manifest["nodes"]["model.leeway.customer_features"]["columns"]
    )
    assert catalog["nodes"]["model.leeway.int_customer_days"]["metadata"]["type"] == "VIEW"
    assert "price" in catalog["sources"]["source.leeway.shop.order_lines"]["columns"]


def test_a_source_is_fresh_after_yesterday_s_file_and_stale_without_it(shop) -> None:
    shop.deliver(DAY)
    assert not shop.dbt("source", "freshness")
    shop.deliver(str(date.today() - timedelta(days=1)))
    assert shop.dbt("source", "freshness")
