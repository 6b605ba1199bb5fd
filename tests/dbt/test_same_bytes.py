"""A past day computed again is the same to the bit: in any range, with any threads, after any news.

News of old days (late, changed, withdrawn, released files) count from the day after the newest one
that was built, so none of them reaches a day that exists.
"""

from pathlib import Path

import duckdb
import pytest

from ml.fingerprint import by_day
from resources.whole import UNSAFE_OPTIMIZER

FEATURES, LABELS = "customer_features", "customer_labels"
FIRST, LAST, NEXT = "2020-03-01", "2020-04-29", "2020-04-30"


def partitions(shop) -> dict[tuple[str, str], str]:
    """A hash of the rows of every partition."""
    found = {}
    with duckdb.connect() as connection:
        for extension in ("ducklake", "sqlite_scanner"):
            connection.load_extension(extension)
        connection.execute(f"set disabled_optimizers = '{UNSAFE_OPTIMIZER}'")
        connection.execute(f"attach 'ducklake:sqlite:{shop.home}/lake/catalog.sqlite' as lake")
        for table in (FEATURES, LABELS):
            rows = connection.execute(
                f"from lake.features.{table} order by as_of, customer_id"
            ).to_arrow_table()
            found |= {(table, day): digest for day, digest in by_day(rows, "as_of").items()}
    return found


def as_before(now: dict, before: dict) -> dict:
    """The partitions that were there before; with the new day one more label has matured."""
    return {key: digest for key, digest in now.items() if key in before}


def one_thread(project: Path) -> None:
    """Let DuckDB work with one thread, whatever the machine has."""
    path = project / "dbt_project.yml"
    path.write_text(
        path.read_text().replace("on-run-start:", 'on-run-start:\n  - "set threads = 1"')
    )


@pytest.mark.slow
def test_sixty_days_are_the_same_in_any_range_with_any_threads_after_any_news(
    shop, edited, tmp_path: Path
) -> None:
    shop.deliver_sixty_days()
    shop.build(FIRST, NEXT)
    before = partitions(shop)
    assert len(before) == 60 + 46  # labels of the last 14 days have not matured

    shop.deliver_news()
    for start, stop in (
        ("2020-03-01", "2020-03-02"),
        ("2020-03-21", "2020-03-22"),
        ("2020-04-10", "2020-04-11"),
        ("2020-04-12", "2020-04-19"),
        ("2020-04-01", NEXT),
    ):
        shop.build(start, stop, "--threads", "2")
        assert as_before(partitions(shop), before) == before, f"{start}..{stop}"

    alone = edited(one_thread)(tmp_path / "alone")
    alone.home = shop.home
    alone.build(FIRST, NEXT)
    assert as_before(partitions(alone), before) == before

    shop.build(NEXT, "2020-05-01")
    [(added,)] = shop.execute(
        "select count(*) from lake.features.customer_features where customer_id = 'c99'"
    )
    assert added == 1


@pytest.mark.slow
def test_days_of_the_real_shop_are_the_same_alone_and_in_a_range(shop, real_data: Path) -> None:
    files = f"{real_data}/order_lines/2010-0[1-6]-*.csv.gz"
    shop.execute(
        """insert into lake.raw.order_lines by name
        select "Invoice" as invoice, "StockCode" as stock_code, "Description" as description,
            "Quantity" as quantity, "InvoiceDate"::timestamp as invoice_date, "Price" as price,
            "Customer ID" as customer_id, "Country" as country, "InvoiceDate"::date as _day,
            'only' as _delivery, row_number() over () as _line
        from read_csv(?, all_varchar = true)""",
        files,
    )
    shop.execute(
        "insert into lake.ledger.deliveries (table_name, day, delivery, status, known_from) "
        "select distinct 'order_lines', _day, 'only', 'published', _day from lake.raw.order_lines"
    )
    shop.build("2010-05-10", "2010-05-17")
    week = partitions(shop)
    assert len(week) == 14
    for start, stop in (("2010-05-10", "2010-05-11"), ("2010-05-14", "2010-05-15")):
        shop.build(start, stop, "--threads", "2")
    assert partitions(shop) == week
