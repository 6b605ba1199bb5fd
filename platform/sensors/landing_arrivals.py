"""New and changed landing files become runs: daily work for a new day, ingestion for an old one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

import ledger
from declaration import Declaration, RawTable
from ingestion.landing import path_of
from ingestion.source import written
from plan import day_steps, over
from resources.lake import Lake

LOOK_BACK = timedelta(days=60)  # how old a day may be for its file to be watched for changes
LOOK_AHEAD = timedelta(days=31)
MOST_PER_TICK = 31


def arrived(files: Mapping[date, datetime], taken: Mapping[date, datetime]) -> list[date]:
    """Return the days, ascending, whose file is newer than what the ledger took in.

    files: day → when its file was last written; taken: day → when its newest delivery was.
    """
    return sorted(d for d, at in files.items() if d not in taken or at > taken[d])


def landing_arrivals(
    declaration: Declaration,
    landing: str,
    start: date,
    jobs: Sequence[UnresolvedAssetJobDefinition],
) -> SensorDefinition:
    """Return the sensor that watches every raw table's files; switch it on where files arrive."""

    @sensor(
        jobs=jobs,
        name="landing_arrivals",
        default_status=DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=60,
    )
    def evaluate(context: SensorEvaluationContext, lake: Lake) -> list[RunRequest] | SkipReason:
        del context
        asked: dict[date, RunRequest] = {}
        unloaded = []
        for table in declaration.tables:
            frontier = ledger.frontier_day(lake, table.name)
            if frontier is None:
                unloaded.append(table.name)
                continue
            first, last = (
                max(start, frontier - LOOK_BACK),
                min(frontier + LOOK_AHEAD, over_by(table)),
            )
            files = landed(table, landing, first, last)
            for day in arrived(files, ledger.taken_in(lake, table.name)):
                request = day_steps(declaration, day, start)[0] if day > frontier else None
                key = f"{table.name}:{day}:{files[day].timestamp()}"
                request = request or over("ingest", day, day)
                asked.setdefault(day, request.with_replaced_attrs(run_key=key))
        if not asked and unloaded:
            names = ", ".join(unloaded)
            return SkipReason(f"{names} has no history yet: load it with `leeway run`")
        if not asked:
            return SkipReason(f"nothing new in {landing}")
        return [asked[day] for day in sorted(asked)][:MOST_PER_TICK]

    return evaluate


def over_by(table: RawTable) -> date:
    """Return the newest day that is over on a table's clock: only such a day is a partition."""
    return datetime.now(ZoneInfo(table.ingest.timezone)).date() - timedelta(days=1)


def landed(table: RawTable, landing: str, first: date, last: date) -> dict[date, datetime]:
    """Return when each day's landing file was last written, for days that have one."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return written({day: path_of(table, landing, day) for day in days})
