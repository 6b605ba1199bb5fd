"""Leaks that an analyst could write, each found with the delivery that makes it; honest SQL is not.

The lake has files that came late, changed, were withdrawn and released, all known from NEXT on.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckSeverity, DagsterInstance, Definitions
from typer.testing import CliRunner

from assets.point_in_time import point_in_time_checks
from cli import app
from declared import declared
from errors import NoEvidenceError
from point_in_time.audit import audit
from point_in_time.findings import Audit, Finding
from resources.dbt import compiled_manifest
from resources.lake import lake_of
from resources.settings import Settings, settings
from sensors.weekly_audit import audit_job

pytestmark = pytest.mark.slow  # dbt builds sixty days of an edited project
FIRST, NEXT = "2020-03-01", "2020-04-30"
# Column → its SQL, a subquery with one value for each customer of each day.
LEAKS = {
    "orders_to_tomorrow": """
        select days.as_of, lines.customer_id, sum(lines.orders) as value
        from {{ each_day(requested_range(), 'as_of') }} as days
        inner join {{ ref('int_customer_days') }} as lines
            on {{ known_as_of('days.as_of + 1', 'lines', 'lines.ordered_on') }}
        group by all""",
    "orders_ever": """
        select days.as_of, lines.customer_id, sum(lines.orders) as value
        from {{ each_day(requested_range(), 'as_of') }} as days
        cross join {{ ref('int_customer_days') }} as lines
        group by all""",
    "orders_too_early": """
        select days.as_of, lines.customer_id, sum(lines.orders) as value
        from {{ each_day(requested_range(), 'as_of') }} as days
        inner join {{ ref('int_customer_days') }} as lines on lines.ordered_on <= days.as_of
        where lines.known_to is null
        group by all""",
    "came_back": """
        select days.as_of, labels.customer_id, sum(labels.repurchased) as value
        from {{ each_day(requested_range(), 'as_of') }} as days
        inner join {{ ref('customer_labels') }} as labels on labels.as_of <= days.as_of
        group by all""",
    "came_back_then": """
        select days.as_of, labels.customer_id, sum(labels.repurchased) as value
        from {{ each_day(requested_range(), 'as_of') }} as days
        inner join {{ ref('customer_labels') }} as labels on labels.as_of + 14 <= days.as_of
        group by all""",
}
HONEST = "came_back_then"


def leaking(project: Path) -> None:
    """Add a column of features for each of LEAKS."""
    path = project / "models" / "features" / "customer_features.sql"
    columns = "".join(f",\n        {name}.value::bigint as {name}" for name in LEAKS)
    joins = "".join(
        f"\n    left join ({sql}) as {name} on customers.as_of = {name}.as_of "
        f"and customers.customer_id = {name}.customer_id"
        for name, sql in LEAKS.items()
    )
    last = "    left join {{ ref('int_customer_products') }} as products\n"
    edited = path.read_text().replace(
        "        customers.country\n    from", f"        customers.country{columns}\n    from"
    )
    head, tail = edited.split(last)
    path.write_text(head + joins.lstrip("\n") + "\n" + last + tail)
    contract = path.with_suffix(".yml")
    declared, tests = contract.read_text().split("\nunit_tests:")
    added = "".join(f"\n      - {{name: {name}, data_type: bigint}}" for name in LEAKS)
    contract.write_text(f"{declared.rstrip()}{added}\n\nunit_tests:{tests}")


def passed(shop: Any) -> Settings:
    """Let all days count as tested."""
    shop.execute("update lake.ledger.partitions set status = 'passed'")
    return Settings(home=shop.home, dbt_project_dir=shop.project)


def audited(shop: Any, days: int = 8, seed: int = 3) -> Audit:
    loaded = passed(shop)
    compiled = compiled_manifest(loaded)
    [model] = declared(compiled).models
    return audit(lake_of(loaded), compiled, model, days, seed)


@pytest.fixture(scope="module")
def leaky(edited: Callable, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shop whose features leak, built when everything was in the lake."""
    shop = edited(leaking)(tmp_path_factory.mktemp("leaky"))
    shop.deliver_sixty_days()
    shop.deliver_news()
    shop.build(FIRST, "2020-05-01")
    return shop


@pytest.fixture(scope="module")
def found(leaky: Any) -> Audit:
    return audited(leaky)


def findings(found: Audit, column: str) -> list[Finding]:
    return [f for day in found.tables[0].days for f in day.findings if f.column == column]


def test_only_what_leaks_is_found(found: Audit) -> None:
    features, labels = found.tables
    columns = {each.column for day in features.days for each in day.counts}
    assert columns == set(LEAKS) - {HONEST}
    assert (len(features.days), len(labels.days)) == (8, 8)
    assert labels.stored == labels.recomputed == 0
    assert not found.is_clean


def test_a_window_one_day_ahead_is_made_by_the_next_day_s_delivery(found: Audit) -> None:
    told = findings(found, "orders_to_tomorrow")
    assert told
    for each in told:
        assert each.why == "later"
        assert (each.moved_on - each.known_until).days == 1
        assert [(o.table, o.known_from) for o in each.origins] == [("order_lines", each.moved_on)]
        assert each.stored == each.recomputed != each.known


def test_a_total_over_all_there_is_grows_with_every_later_order(found: Audit) -> None:
    told = findings(found, "orders_ever")
    assert any(each.more_origins for each in told)
    for each in told:
        assert each.made_on > each.moved_on or len(each.origins) == 1
        assert int(each.stored or 0) > int(each.known or 0)


def test_a_row_that_counts_before_it_came_is_traced_to_what_came_late(found: Audit) -> None:
    told = findings(found, "orders_too_early")
    origins = [(str(o.day), str(o.known_from)) for each in told for o in each.origins]
    came = ("03-11", "03-21", "04-10", "04-30")  # the last is the day's own, known then as well
    assert set(origins) <= {(f"2020-{day}", NEXT) for day in came}
    assert {day for day, _ in origins} - {NEXT}
    assert len(origins) >= len(told) > 0
    assert {str(each.moved_on) for each in told} == {NEXT}


def test_a_column_made_of_labels_is_traced_to_the_label_s_day(found: Audit) -> None:
    told = findings(found, "came_back")
    assert told
    for each in told:
        assert {o.table for o in each.origins} == {"customer_labels"}
        assert all((o.known_from - o.day).days == 14 for o in each.origins)


def test_the_command_s_status_says_whether_something_differs(leaky: Any, home: Path) -> None:
    passed(leaky)
    # the fixture `home` gives the environment back
    os.environ |= {"LEEWAY_HOME": str(leaky.home), "DBT_PROJECT_DIR": str(leaky.project)}
    settings.cache_clear()
    run = CliRunner().invoke(app, ["audit", "repeat_purchase", "--days", "1", "--json"])
    assert run.exit_code == 1, run.output
    assert {table["table"] for table in json.loads(run.stdout)["tables"]} == {
        "customer_features", "customer_labels",
    }  # fmt: skip
    assert CliRunner().invoke(app, ["audit", "nobody"]).exit_code == 2


def test_the_weekly_check_fails_with_an_alert_and_shows_what_leaks(
    leaky: Any, instance: DagsterInstance
) -> None:
    loaded = passed(leaky)
    lake = lake_of(loaded)
    [model] = declared(compiled_manifest(loaded)).models
    checks = point_in_time_checks([model], loaded)
    location = Definitions(asset_checks=checks, jobs=[audit_job(checks)], resources={"lake": lake})
    done = location.resolve_job_def("audit").execute_in_process(instance=instance)
    [verdict] = done.get_asset_check_evaluations()
    assert done.success
    assert (verdict.passed, verdict.severity) == (False, AssetCheckSeverity.ERROR)
    shown = verdict.metadata["customer_features_columns"].records
    assert {record.data["column"] for record in shown} == set(LEAKS) - {HONEST}
    assert "customer_labels_columns" not in verdict.metadata
    [alert] = lake.rows("select day, subject, message from ledger.alerts where kind = 'leak'")
    assert (str(alert["day"]), alert["subject"]) == (NEXT, "repeat_purchase")
    assert "stored cells are not what was known" in alert["message"]


@pytest.fixture
def honest(shop: Any) -> Iterator[Any]:
    """The unedited project, built on time: the news came after it."""
    shop.deliver_sixty_days()
    shop.build(FIRST, NEXT)
    shop.deliver_news()
    return shop


def test_the_project_holds_what_was_known_on_time_and_after_a_backfill(honest: Any) -> None:
    found = audited(honest, days=10)
    assert found.is_clean
    assert [len(table.days) for table in found.tables] == [10, 10]
    honest.build(FIRST, "2020-05-01")
    assert audited(honest, days=10, seed=4).is_clean


def test_a_value_that_no_sql_of_the_project_made_is_told_apart(honest: Any) -> None:
    honest.execute("update lake.features.customer_features set revenue_30d = revenue_30d + 1")
    honest.execute("delete from lake.features.customer_labels where customer_id = 'c2'")
    found = audited(honest, days=2)
    features, labels = found.tables
    assert {f.why for day in features.days for f in day.findings} == {"stored"}
    assert {f.column for day in features.days for f in day.findings} == {"revenue_30d"}
    assert (features.recomputed, labels.recomputed) == (0, 0)
    assert [(f.column, f.entity, f.stored) for d in labels.days for f in d.findings] == [
        (None, "c2", "no row")
    ] * 2


def test_days_that_another_version_of_the_sql_made_are_no_evidence(honest: Any) -> None:
    loaded = passed(honest)
    honest.execute("update lake.ledger.partitions set checksum = 'older'")
    compiled = compiled_manifest(loaded)
    [model] = declared(compiled).models
    with pytest.raises(NoEvidenceError, match="no day of customer_features was made by its prese"):
        audit(lake_of(loaded), compiled, model, 3, 1)
