from datetime import date, datetime

import pytest
from dagster import (
    Definitions,
    RunRequest,
    SkipReason,
    asset,
    build_schedule_context,
    define_asset_job,
)

from assets.partitions import daily
from declared import declared
from plan import day_steps
from sensors.daily import daily_schedule, next_step

START, DAY = date(2024, 1, 1), date(2024, 5, 1)


@pytest.mark.parametrize("live", [(), ("repeat_purchase",)])
def test_the_chain_works_every_step_of_a_day_off_in_order_and_ends(parsed, live) -> None:
    declaration = declared(parsed)
    steps = day_steps(declaration, DAY, START, live)
    done = [steps[0]]
    while isinstance(step := next_step(declaration, dict(done[-1].tags), START, live), RunRequest):
        done.append(step)
    assert done == steps
    assert isinstance(step, SkipReason)
    assert "2024-05-01 is done" in str(step.skip_message)


def test_a_run_that_is_no_step_of_a_day_starts_nothing(parsed) -> None:
    step = next_step(declared(parsed), {"leeway/model": "repeat_purchase"}, START, ())
    assert isinstance(step, SkipReason)


def test_the_schedule_starts_the_day_before(parsed) -> None:
    @asset(partitions_def=daily(START, "UTC"))
    def nothing() -> None: ...

    declaration, job = declared(parsed), define_asset_job("daily", "nothing")
    schedule = daily_schedule(declaration, job, START, "UTC")
    location = Definitions(assets=[nothing], jobs=[job], schedules=[schedule])
    context = build_schedule_context(
        scheduled_execution_time=datetime(2024, 5, 2, 5),
        repository_def=location.get_repository_def(),
    )
    [request] = schedule.evaluate_tick(context).run_requests
    assert (request.job_name, request.partition_key) == ("daily", "2024-05-01")
    assert request.run_key == day_steps(declaration, DAY, START)[0].run_key
