"""What a run says of the days it built: passed, failed by named tests, or not yet tested."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

SPAN = ("--event-time-start", "2020-03-01", "--event-time-end", "2020-03-05")
FEATURES = ("--select", "customer_features", "--exclude-resource-type", "unit_test")
TESTS = ("--select", "customer_features", "--resource-type", "test")
FEW_LINES = "in_range_customer_features_last_order_lines__2"
ALL = ("01", "02", "03", "04")


def stricter(project: Path) -> None:
    """Add a rule that data can break, one that only warns, and a test in SQL."""
    path = project / "models" / "features" / "customer_features.yml"
    declared = yaml.safe_load(path.read_text())
    columns = {c["name"]: c for c in declared["models"][0]["columns"]}
    columns["last_order_lines"]["data_tests"] = [{"in_range": {"arguments": {"max": 2}}}]
    warned = {"arguments": {"max": 0}, "config": {"severity": "warn"}}
    columns["mean_order_lines"]["data_tests"] = [{"in_range": warned}]
    path.write_text(yaml.safe_dump(declared))
    (project / "tests").mkdir()
    (project / "tests" / "nobody_is_zoe.sql").write_text(
        "select * from {{ ref('customer_features') }} where customer_id = 'zoe'"
    )


@pytest.fixture(scope="module")
def make_shop(edited) -> Callable[[Path], Any]:
    return edited(stricter)


@pytest.fixture
def delivered(make_shop, tmp_path: Path):
    """Four days, views built; on the third ann's order has too many lines."""
    shop = make_shop(tmp_path)
    for day in (1, 2, 3, 4):
        lines = [("ann", f"{day}000{n}", 1) for n in range(3 if day == 3 else 1)]
        shop.deliver(f"2020-03-0{day}", *lines)
    shop.build("2020-03-01", "2020-03-02", "--select", "config.materialized:view")
    return shop


def partitions(shop) -> dict[str, tuple[str, dict[str, int] | None]]:
    """Status and failures of every day."""
    found = shop.execute(
        "select strftime(day, '%d'), status, failures from lake.ledger.partitions order by day"
    )
    return {day: (status, failures and json.loads(failures)) for day, status, failures in found}


def alerts(shop) -> list[tuple]:
    return shop.execute("select day::varchar, kind, subject, message from lake.ledger.alerts")


def test_the_days_that_break_a_rule_fail_with_its_name_and_the_others_pass(delivered):
    passed = ("passed", None)
    expected = {**dict.fromkeys(ALL, passed), "03": ("failed", {FEW_LINES: 1})}

    for _ in range(2):
        assert not delivered.dbt("build", *FEATURES, *SPAN)
        assert partitions(delivered) == expected
        [(day, kind, subject, message)] = alerts(delivered)
        assert (day, kind, subject) == ("2020-03-03", "features", "customer_features")
        assert f"{FEW_LINES} (1 rows)" in message
        assert "leeway run --from 2020-03-03" in message

    delivered.execute("delete from lake.raw.order_lines where _day = '2020-03-03' and _line > 1")
    one_day = ("--event-time-start", "2020-03-03", "--event-time-end", "2020-03-04")
    assert delivered.dbt("build", *FEATURES, *one_day)
    assert partitions(delivered) == dict.fromkeys(ALL, passed)


def read_by_tests(shop) -> set[str]:
    """What the tests of the last run read, those in SQL of the project's own left out."""
    results = json.loads((shop.home / "target" / "run_results.json").read_text())["results"]
    tests = [r["compiled_code"] for r in results if r["unique_id"].startswith("test.")]
    found = [re.search(r"from (\S+\.main\.\"[^\"]+\") where as_of", sql) for sql in tests]
    return {match[1] for match in found if match}


def test_the_tests_of_a_run_read_its_days_from_the_lake_once(delivered):
    data_tests = ("test", "--select", "customer_features,test_type:data")  # of the last day
    names = []
    for command in (("build", *FEATURES, *SPAN), ("build", *TESTS, *SPAN), data_tests):
        delivered.dbt(*command)
        [name] = read_by_tests(delivered)
        assert name.startswith('memory.main."features customer_features 2020-03-0')
        names.append(name)
    assert len(set(names)) == 3  # nothing of an earlier run is read


def test_a_day_is_done_only_when_its_tests_have_run(delivered):
    delivered.build("2020-03-01", "2020-03-03", "--select", "customer_features")
    assert partitions(delivered) == dict.fromkeys(("01", "02"), ("built", None))

    assert delivered.dbt("build", *TESTS, *SPAN, "--exclude", FEW_LINES)
    assert partitions(delivered) == dict.fromkeys(("01", "02"), ("built", None))

    delivered.execute(
        "update lake.ledger.partitions set checksum = 'other' where day = '2020-03-01'"
    )
    assert delivered.dbt("build", *TESTS, *SPAN)
    assert partitions(delivered) == {"01": ("built", None), "02": ("passed", None)}


def test_a_test_that_knows_no_days_fails_them_all(delivered):
    delivered.deliver("2020-03-05", ("zoe", "11111", 1))

    stop = ("--event-time-start", "2020-03-04", "--event-time-end", "2020-03-06")
    assert not delivered.dbt("build", *FEATURES, *stop)

    failed = ("failed", {"nobody_is_zoe": 1})
    assert partitions(delivered) == {"04": failed, "05": failed}


def test_a_table_is_not_built_on_a_view_that_other_code_made(delivered):
    delivered.execute("create or replace view lake.staging.int_customer_days as select 1 as age")

    assert not delivered.dbt("run", "--select", "customer_features", *SPAN)

    assert partitions(delivered) == {}
    delivered.build("2020-03-01", "2020-03-05", "--select", "+customer_features")
    assert dict.fromkeys(ALL, ("built", None)) == partitions(delivered)
