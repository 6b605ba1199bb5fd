"""Upkeep beside processes that write, and upkeep that is killed."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from resources.lake import Lake
from resources.settings import CHECKOUT

UPKEEP = dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta
    from resources.lake import Lake
    from upkeep.lake import keep_up

    lake = Lake(catalog=sys.argv[1], data=sys.argv[2], threads=1)
    while True:
        later = datetime.now(UTC) + timedelta(days=8)
        keep_up(lake, later, lambda step: print(step, flush=True))
    """
)
WRITER = dedent(
    """
    import sys
    from datetime import date, timedelta
    import pyarrow as pa
    from examples import replace_days
    from resources.lake import Lake

    lake = Lake(catalog=sys.argv[1], data=sys.argv[2], threads=1)
    for day in range(int(sys.argv[3])):
        as_of = date(2024, 1, 1) + timedelta(days=day)
        rows = pa.table({"as_of": [as_of] * 50, "score": [100.0 + day] * 50})
        replace_days(lake, "shop_predictions", [as_of], rows, "as_of", "as_of date, score double")
        print(day, flush=True)
    """
)


def child(script: str, lake: Lake, *arguments: str) -> subprocess.Popen:
    path = os.pathsep.join(str(CHECKOUT / name) for name in ("platform", "."))
    return subprocess.Popen(
        [sys.executable, "-c", script, lake.catalog, lake.data, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", ["merge ml.shop_predictions", "delete"])
def test_a_kill_in_a_step_harms_nothing(work, twice, step: str) -> None:
    before = twice(work).everything()
    killed = child(UPKEEP, work.lake)
    assert killed.stdout is not None
    while killed.stdout.readline().strip() != step:
        assert killed.poll() is None
    killed.kill()
    killed.communicate()
    assert work.everything() == before
    kept = work.keep_up(8)
    assert work.everything() == before
    assert kept.files_after == 2  # predictions, and ledger.locks


def test_a_process_that_writes_at_the_same_time_loses_nothing(work_on_any, twice, days) -> None:
    work = twice(work_on_any)
    writer = child(WRITER, work.lake, str(days))
    assert writer.stdout is not None
    writer.stdout.readline()  # it is under way
    rounds = 0
    while writer.poll() is None:
        work.keep_up(0)
        rounds += 1
    writer.communicate()
    assert writer.returncode == 0
    assert rounds > 0
    found = work.lake.rows(
        f"""select count(*) as n, min(score) as low, max(score) as high
        from ml.{work.table} group by as_of order by as_of"""
    )
    scores = [(row["n"], row["low"], row["high"]) for row in found]
    assert scores == [(50, 100.0 + day, 100.0 + day) for day in range(days)]
