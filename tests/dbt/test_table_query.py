"""A table's SQL asked for other days, and on other rows, gives what dbt would have written."""

from datetime import date

import pyarrow as pa
import pytest

from errors import SetupError
from resources.dbt import PLACEHOLDER, compiled_manifest
from resources.lake import lake_of
from resources.settings import Settings
from table_query import TableQuery

FEATURES, LABELS = "model.leeway.customer_features", "model.leeway.customer_labels"
FIRST, LAST = date(2020, 3, 1), date(2020, 3, 17)


@pytest.fixture
def settings(shop) -> Settings:
    shop.deliver_empty("2020-02-01", "2020-03-31")
    for day in ("2020-02-11", "2020-03-03", "2020-03-12"):
        shop.deliver(day, ("ann", "00001", 5), ("ben", "00002", 1), known_from=day)
    shop.deliver("2020-03-10", ("cay", "00002", 1), known_from="2020-03-15")
    return Settings(home=shop.home)


def stored(settings: Settings, table: str) -> pa.Table:
    return lake_of(settings).read(
        f"from lake.features.{table} where as_of between ? and ? order by all", [FIRST, LAST]
    )


def test_it_returns_the_rows_that_dbt_writes(shop, settings: Settings) -> None:
    shop.build(str(FIRST), "2020-03-18")
    compiled = compiled_manifest(settings)
    for name in (FEATURES, LABELS):
        query = TableQuery.of(compiled, name)
        with lake_of(settings).connect() as connection:
            found = query.rows(connection, FIRST, LAST)
        assert found.num_rows > 20
        assert found.equals(stored(settings, query.table))
        [checksum] = lake_of(settings).rows(
            f"select distinct checksum from ledger.partitions where table_name = '{query.table}'"
        )
        assert checksum["checksum"] == query.checksum


def test_other_relations_can_be_read_instead_also_below_views(shop, settings: Settings) -> None:
    query = TableQuery.of(compiled_manifest(settings), FEATURES)
    with lake_of(settings).connect() as connection:
        connection.execute(
            "create temp view early as from lake.raw.order_lines where _day < '2020-03-01'"
        )
        instead = {'"lake"."raw"."order_lines"': "temp.main.early"}
        found = query.rows(connection, FIRST, LAST, instead).to_pylist()
        everything = query.rows(connection, FIRST, LAST).to_pylist()
    assert {row["customer_id"] for row in found} == {"ann", "ben"}
    assert {row["purchase_days_30d"] for row in found} == {0, 1}
    assert {row["customer_id"] for row in everything} == {"ann", "ben", "cay"}


def test_days_that_jinja_computes_from_the_range_are_refused(settings: Settings) -> None:
    compiled = compiled_manifest(settings)
    start, _ = PLACEHOLDER
    node = compiled["nodes"][LABELS]
    node["compiled_code"] = node["compiled_code"].replace(start, "0999-12-03", 1)
    with pytest.raises(SetupError, match=r"customer_labels\.sql computes 0999-12-03"):
        TableQuery.of(compiled, LABELS)
