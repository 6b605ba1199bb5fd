"""New, changed and withdrawn files become runs: daily work for a new day, else ingestion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

import ledger
from assets.partitions import days_between
from declaration import Declaration, RawTable
from errors import DeliveryError
from plan import day_steps, over
from resources.lake import Lake

LOOK_BACK = timedelta(days=60)  # how old a day may be for its file to be watched for changes
LOOK_AHEAD = timedelta(days=31)
WITHDRAWN_WITHIN = timedelta(days=7)  # a file that goes later has been tidied away
PATIENCE = timedelta(hours=3)  # for the other tables' files, after the newest one has come
MOST_PER_TICK = 31
MOST_ATTEMPTS = 3  # of one file; each failure is told
ARRIVAL_TAG = "leeway/arrival"


def arrived(
    files: Mapping[date, datetime], newest: Mapping[date, Mapping[str, Any]]
) -> dict[date, datetime]:
    """Return the days, ascending, whose file is new or another than was taken in, and its time.

    files: day → when its file was last written; newest: day → its newest delivery.
    """
    return {day: files[day] for day in sorted(files) if _is_other(files[day], newest.get(day))}


def withdrawn(
    files: Mapping[date, datetime], newest: Mapping[date, Mapping[str, Any]]
) -> dict[date, datetime]:
    """Return the days of the newest week whose file is gone, and when it was taken in.

    Where no file at all is left, the folder is: raises DeliveryError.
    """
    lost = {day: row for day, row in newest.items() if row["file"] and day not in files}
    if lost and not files:
        raise DeliveryError(
            f"none of {len(lost)} files that were taken in, {min(lost)}..{max(lost)}, is there any "
            "more: is the landing folder (LEEWAY_LANDING) mounted? Where they were withdrawn on "
            "purpose, materialize their days of the raw table"
        )
    return {
        day: row["written_at"] for day, row in lost.items() if day > max(newest) - WITHDRAWN_WITHIN
    }


def _is_other(at: datetime, taken: Mapping[str, Any] | None) -> bool:
    """Return whether a file was written at another time, even an earlier one, than a delivery's."""
    if not taken or not taken["file"]:
        return True
    known = taken["file_written"]  # None: taken in by an older version of the platform
    return bool(at != known if known else at > taken["written_at"])


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
        frontiers = {t.name: ledger.frontier_day(lake, t.name) for t in declaration.tables}
        unloaded = [name for name, frontier in frontiers.items() if frontier is None]
        watched = [
            looked_at(lake, table, landing, start, frontier)
            for table in declaration.tables
            if (frontier := frontiers[table.name])
        ]
        now = datetime.now(UTC).replace(tzinfo=None)  # as `files` has it
        asked: dict[date, RunRequest] = {}
        for found in watched:
            for day, key in changes(found).items():
                if day > found.frontier and waits(day, watched, now):
                    continue
                request = day_steps(declaration, day, start)[0] if day > found.frontier else None
                attempted = attempt(context.instance, request or over("ingest", day, day), key)
                if attempted:
                    asked.setdefault(day, attempted)
        if not asked and unloaded:
            names = ", ".join(unloaded)
            return SkipReason(f"{names} has no history yet: load it with `leeway run`")
        if not asked:
            return SkipReason(f"nothing new in {landing}")
        return [asked[day] for day in sorted(asked)][:MOST_PER_TICK]

    return evaluate


@dataclass(frozen=True)
class Watched:
    """A table's files near its frontier, by day, and the newest deliveries of these days."""

    table: str
    frontier: date
    files: Mapping[date, datetime]
    newest: Mapping[date, Mapping[str, Any]]


def looked_at(lake: Lake, table: RawTable, landing: str, start: date, frontier: date) -> Watched:
    """Return what there is of the days near the frontier."""
    from ingestion.deliveries import newest_deliveries
    from ingestion.landing import path_of
    from ingestion.source import written

    first = max(start, frontier - LOOK_BACK)
    days = days_between(first, min(frontier + LOOK_AHEAD, over_by(table)))
    files = written({day: path_of(table, landing, day) for day in days})
    newest = {row["day"]: row for row in newest_deliveries(lake, table.name, days)}
    return Watched(table.name, frontier, files, newest)


def changes(found: Watched) -> dict[date, str]:
    """Return the days that have to be looked at, each with the key of what has changed.

    The key names the file's time and what it would replace: a file that comes back as it was, after
    another one was taken in, is news again.
    """
    changed = {**arrived(found.files, found.newest), **withdrawn(found.files, found.newest)}
    keys = {}
    for day, at in changed.items():
        taken = found.newest[day]["written_at"].timestamp() if day in found.newest else "new"
        keys[day] = f"{found.table}:{day}:{at.timestamp()}:{taken}"
    return keys


def waits(day: date, watched: Sequence[Watched], now: datetime) -> bool:
    """Whether a new day's work waits for the file of another table, for `PATIENCE` at most.

    Features are built once all raw tables of the day are: what is taken in as empty because its
    file comes minutes later would count from the next day on only.
    """
    new = [found for found in watched if day > found.frontier]
    files = [found.files[day] for found in new if day in found.files]
    return len(files) < len(new) and now - max(files) < PATIENCE


def attempt(instance: DagsterInstance, request: RunRequest, key: str) -> RunRequest | None:
    """Return a request with a run key that is new after a failure; None after the last attempt.

    Dagster starts a key once, and a run whose process was killed keeps its key.
    """
    failures = RunsFilter(tags={ARRIVAL_TAG: key}, statuses=[DagsterRunStatus.FAILURE])
    failed = instance.get_runs_count(failures)
    if failed >= MOST_ATTEMPTS:
        return None
    tags = {**request.tags, ARRIVAL_TAG: key}
    return request.with_replaced_attrs(run_key=f"{key}:{failed + 1}", tags=tags)


def over_by(table: RawTable) -> date:
    """Return the newest day that is over on a table's clock: only such a day is a partition."""
    return datetime.now(ZoneInfo(table.ingest.timezone)).date() - timedelta(days=1)
