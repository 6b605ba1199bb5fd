import pytest

LEDGER = """
select day::varchar, rows from lake.ledger.partitions
where table_name = 'customer_features' order by day
"""


@pytest.fixture
def built(shop):
    for day in (1, 2, 3):
        shop.deliver(f"2020-03-0{day}", ("ann", "11111", day), (f"new{day}", "22222", 1))
    shop.build("2020-03-01", "2020-04-01", "--select", "+customer_features")
    return shop


def test_a_range_is_cut_at_the_last_delivered_day(built):
    assert built.execute(LEDGER) == [("2020-03-01", 2), ("2020-03-02", 3), ("2020-03-03", 4)]


def test_rows_that_vanished_upstream_vanish_and_other_days_stay(built):
    others = [built.rows("customer_features", f"2020-03-0{day}") for day in (1, 3)]
    built.execute("delete from lake.raw.order_lines where customer_id = 'new1'")

    built.build("2020-03-02", "2020-03-03", "--select", "customer_features")

    customers = [row[0] for row in built.rows("customer_features", "2020-03-02")]
    assert customers == ["ann", "new2"]
    assert [built.rows("customer_features", f"2020-03-0{day}") for day in (1, 3)] == others
    assert built.execute(LEDGER) == [("2020-03-01", 2), ("2020-03-02", 2), ("2020-03-03", 4)]


def test_a_day_whose_rows_all_vanish_is_empty_in_every_table(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver_empty("2020-03-02", "2020-03-16")
    shop.build("2020-03-01", "2020-03-03")
    tables = ("customer_features", "customer_labels")
    assert [len(shop.rows(table, "2020-03-02")) for table in tables] == [1, 1]

    shop.execute("delete from lake.raw.order_lines")
    shop.build("2020-03-02", "2020-03-03")

    for table in tables:
        assert len(shop.rows(table, "2020-03-01")) == 1
        assert shop.rows(table, "2020-03-02") == []
    written = "select table_name, rows from lake.ledger.partitions where day = '2020-03-02'"
    assert sorted(shop.execute(written)) == [(table, 0) for table in tables]


def test_a_day_without_rows_has_its_ledger_row(shop):
    shop.deliver_empty("2020-03-01", "2020-03-01")

    shop.build("2020-03-01", "2020-03-02")

    assert shop.execute(LEDGER) == [("2020-03-01", 0)]


def test_without_a_range_the_last_delivered_day_is_built(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver_empty("2020-03-02", "2020-03-04")

    assert shop.dbt("build")

    assert shop.execute(LEDGER) == [("2020-03-04", 1)]


def test_a_failing_write_leaves_rows_and_ledger_as_they_were(built):
    before = built.rows("customer_features", "2020-03-02"), built.execute(LEDGER)
    built.execute("alter table lake.ledger.partitions rename column checksum to hash")

    assert not built.dbt(
        *("run", "--select", "customer_features"),
        *("--event-time-start", "2020-03-02", "--event-time-end", "2020-03-03"),
    )

    assert (built.rows("customer_features", "2020-03-02"), built.execute(LEDGER)) == before


def test_data_tests_read_only_the_requested_range(built):
    built.execute(
        "insert into lake.features.customer_features "
        "from lake.features.customer_features where as_of = '2020-03-01'"
    )

    tests = ["build", "--select", "customer_features", "--resource-type", "test"]

    assert built.dbt(*tests, "--event-time-start", "2020-03-02", "--event-time-end", "2020-03-04")
    assert not built.dbt(
        *tests, "--event-time-start", "2020-03-01", "--event-time-end", "2020-03-02"
    )


def test_the_lake_holds_no_temporary_tables(built):
    tables = "select table_name from duckdb_tables() where database_name = 'lake' order by 1"

    names = [name for (name,) in built.execute(tables)]
    assert names == ["alerts", "customer_features", "deliveries", "order_lines", "partitions"]


def test_an_unchanged_view_is_not_written_again(built):
    snapshots = "select count(*) from lake.snapshots()"
    before = built.execute(snapshots)

    assert built.dbt("run", "--select", "config.materialized:view")

    assert built.execute(snapshots) == before


def test_a_changed_view_is_written_again(built):
    definition = "select sql from duckdb_views() where view_name = 'int_order_lines'"
    original = built.execute(definition)
    built.execute("create or replace view lake.staging.int_order_lines as select 1 as line")

    assert built.dbt("run", "--select", "int_order_lines")

    assert built.execute(definition) == original
