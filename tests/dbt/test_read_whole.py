"""No filter goes into a table of the ledger: DuckLake would search the statistics of all files."""

import json
from collections.abc import Iterator


def test_staging_filters_the_raw_table_alone(shop) -> None:
    shop.deliver_sixty_days()
    assert shop.dbt("run", "--select", "staging")
    asked = "from lake.staging.stg_shop__order_lines where _day > date '2020-04-20'"
    ((_, plan),) = shop.execute(f"explain (format json) {asked}")
    filters = {each["Table"]: each.get("Filters") for each in scans(json.loads(plan))}
    assert filters.keys() == {"deliveries", "order_lines"}
    assert filters["order_lines"]
    assert not filters["deliveries"]
    assert shop.execute(f"select count(distinct _day) {asked}") == [(9,)]


def scans(plan: list[dict]) -> Iterator[dict]:
    for node in plan:
        if "Table" in node["extra_info"]:
            yield node["extra_info"]
        yield from scans(node["children"])
