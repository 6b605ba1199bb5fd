"""What is counted by spans of days is what counting each day by itself would give.

The rows are drawn at random, more tangled than files ever are: days that come in several files,
late, never known, known too early, replaced, withdrawn, without a date, around both ends of the
windows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest

from resources.dbt import PLACEHOLDER, compiled_manifest
from resources.settings import Settings
from tests.dbt.conftest import Shop, empty_lake

FIRST, STOP = "2020-06-01", "2020-08-30"
KNOWN = """
    from range(date '{first}', date '{stop}', interval 1 day) as days (as_of)
    inner join lake.staging.{table} as rows
        on known_from <= as_of and (known_to is null or known_to > as_of)
        and ordered_on <= as_of and ordered_on > as_of::date - {window}
        and _day < date '{stop}' and _day > date '{first}' - {window}"""
PRODUCTS = f"""
    select customer_id, as_of::date as as_of, count(*) as products_180d,
        count(*) filter (where last > as_of - interval 90 day) as products_90d,
        count(*) filter (where first < last) / count(*) as share_of_products_bought_again
    from (
        select customer_id, as_of, min(ordered_on) as first, max(ordered_on) as last
        {KNOWN} group by customer_id, as_of, stock_code
    ) group by customer_id, as_of"""
HISTORY = f"""
    select customer_id, as_of::date as as_of, ordered_on, (as_of::date - ordered_on) as age,
        max(country) as country, sum(orders)::integer as orders,
        sum(order_lines)::integer as order_lines, sum(other_lines)::integer as other_lines,
        sum(items)::bigint as items, sum(revenue)::decimal(18, 4) as revenue,
        sum(cancellations)::integer as cancellations,
        sum(cancelled_amount)::decimal(18, 4) as cancelled_amount
    {KNOWN} group by customer_id, as_of, ordered_on"""
LABELS = f"""
    select customer_id, as_of::date as as_of, exists (
            from lake.staging.int_customer_days as later
            where later.customer_id = active.customer_id and orders > 0
                and known_from <= as_of + interval 14 day
                and (known_to is null or known_to > as_of + interval 14 day)
                and ordered_on > as_of and ordered_on <= as_of + interval 14 day
                and _day > date '{{first}}' and _day < date '{{stop}}' + 14
        )::integer as repurchased
    from (select distinct customer_id, as_of {KNOWN} where orders > 0) as active"""
ROWS = f"""
    select
        'c' || r[1] % 20 as customer_id, 's' || r[2] % 5 as stock_code,
        date '{FIRST}' - 400 + r[3] % 500 + r[4] % 3 as _day,
        if(r[4] % 50 = 0, null, _day - r[4] % 3) as ordered_on,
        if(r[5] % 50 = 0, null, _day - 5 + r[5] % 40) as known_from,
        if(r[6] % 2 = 0, known_from + r[6] % 60, null) as known_to,
        if(r[7] % 2 = 0, 'Norway', 'Spain') as country,
        r[8] % 4 as orders, r[9] % 9 as order_lines, r[10] % 3 as other_lines, r[11] % 99 as items,
        (r[12] % 1000 / 10)::decimal(18, 4) as revenue, r[13] % 3 as cancellations,
        (r[14] % 100 / 10)::decimal(18, 4) as cancelled_amount
    from (
        select [(hash(row, n) % 1000000)::integer for n in range(15)] as r
        from range(4000) as drawn (row)
    )"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> Mapping[str, Any]:
    """The nodes of the compiled project."""
    home = tmp_path_factory.mktemp("spans")
    empty_lake(home)
    shop = Shop(home, manifest)
    shop.deliver_empty("2020-03-01", "2020-03-01")
    return compiled_manifest(Settings(home=home, dbt_project_dir=shop.project))["nodes"]


@pytest.fixture
def drawn() -> Iterator[duckdb.DuckDBPyConnection]:
    """The two views that history is read from, with rows drawn at random."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.staging")
        for table in ("int_customer_days", "int_customer_product_days"):
            connection.execute(f"create table lake.staging.{table} as {ROWS}")
        yield connection


@pytest.mark.parametrize(
    ("model", "table", "window", "by_day"),
    [
        ("int_customer_products", "int_customer_product_days", 180, PRODUCTS),
        ("int_customer_history", "int_customer_days", 365, HISTORY),
        ("customer_labels", "int_customer_days", 90, LABELS),
    ],
)
@pytest.mark.parametrize(("stop", "at_least"), [(STOP, 20), ("2020-06-02", 10), (FIRST, 0)])
def test_counting_by_spans_is_counting_each_day_by_itself(
    compiled, drawn, model: str, table: str, window: int, by_day: str, stop: str, at_least: int
) -> None:
    sql = compiled[f"model.leeway.{model}"]["compiled_code"]
    for placeholder, day in zip(PLACEHOLDER, (FIRST, stop), strict=True):
        sql = sql.replace(placeholder, day)
    drawn.execute(f"create temp table spans as {sql}")
    expected = by_day.format(first=FIRST, stop=stop, table=table, window=window)
    drawn.execute(f"create temp table days as {expected}")
    [(rows, missing, wrong)] = drawn.execute(
        """select (select count(*) from days),
            (select count(*) from (from days except all from spans)),
            (select count(*) from (from spans except all from days))"""
    ).fetchall()
    assert rows >= at_least
    assert (missing, wrong) == (0, 0)
