"""A changed dbt model becomes the backfill of the days that its older versions made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from dagster import (
    AssetKey,
    DagsterRun,
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
from assets.keys import features_key, labels_key
from declaration import MlModel
from plan import ATTEMPT_TAG, GOING, ORPHAN_TAG, months, over
from resources.lake import Lake

if TYPE_CHECKING:
    from lifecycle.move import Move

BACKFILL_TAG, LEFT_TAG = "leeway/backfill", "leeway/left"
MOST_ATTEMPTS = 3  # that failed, of one month and checksum
MOST_RUNS = 1000
DONE = "every day was made by the models as they are, and tested"
# jobs that may write features; the last is Dagster's own name for what is materialized by hand
WRITERS = ("views", "features", "history", "daily", "backfill", "__ASSET_JOB")


@dataclass(frozen=True)
class Table:
    """A table by day and the checksum of the dbt models that make it now."""

    key: AssetKey
    checksum: str

    @property
    def name(self) -> str:
        """Its name in `ledger.partitions`."""
        return self.key.path[-1]


def tables_of(models: Sequence[MlModel]) -> list[Table]:
    """Return the features and labels of all models, each once."""
    found = {
        key: Table(key, checksum)
        for model in models
        for key, checksum in (
            (features_key(model), model.features_checksum),
            (labels_key(model), model.label_checksum),
        )
    }
    return [found[key] for key in sorted(found, key=AssetKey.to_user_string)]


def requested(
    stale: Mapping[Table, Sequence[date]],
    runs: Sequence[DagsterRun],
    going: Sequence[DagsterRun],
    views: Sequence[AssetKey],
) -> RunRequest | SkipReason:
    """Return the run that builds the newest stale span of any table again, or why there is none.

    A span ends with its month, and before a day that is not stale: built again, it would lose what
    a person has accepted of it. stale: days ascending; runs: all backfills so far; going: runs that
    may write features; views: built with it, because a table may be built on this project's views
    only.
    """
    if not any(stale.values()):
        return SkipReason(DONE)
    if going:
        return SkipReason(f"run {going[0].run_id} of {going[0].job_name} may write features")
    spans = [(table, *span) for table, days in stale.items() for span in months(days)]
    given_up = []
    for table, first, last in sorted(spans, key=lambda s: (f"{s[1]:%Y-%m}", s[0].name, s[1]))[::-1]:
        cause = f"{table.name}:{table.checksum[:12]}:{first:%Y-%m}"
        tried = [run for run in runs if run.tags.get(BACKFILL_TAG) == cause]
        if len([run for run in tried if failed(run)]) >= MOST_ATTEMPTS:
            given_up.append(f"{table.name} {first:%Y-%m}")
            continue
        attempt = str(len(tried) + 1)
        left = ", ".join(f"{len(days)} days of {t.name}" for t, days in stale.items() if days)
        tags = {BACKFILL_TAG: cause, ATTEMPT_TAG: attempt, LEFT_TAG: left}
        request = over("backfill", first, last, tags)
        return request.with_replaced_attrs(
            run_key=f"{cause}:{attempt}", asset_selection=[*views, table.key]
        )
    return SkipReason(
        f"{MOST_ATTEMPTS} attempts have left stale days in {', '.join(given_up)}: look at the last "
        "`backfill` run"
    )


def rested(moves: "Sequence[Move]") -> str:
    """Return what is told where no day is stale: what is left of the moves, if anything."""
    from lifecycle.move import OVER

    left = "; ".join(move.stands for move in moves if move.stands != OVER)
    return f"{DONE}; {left}" if left else DONE


def failed(run: DagsterRun) -> bool:
    """Return whether a backfill failed by its own work, not by its process's end."""
    return run.status is DagsterRunStatus.FAILURE and ORPHAN_TAG not in run.tags


def stale_features(
    models: Sequence[MlModel],
    start: date,
    views: Sequence[AssetKey],
    job: UnresolvedAssetJobDefinition,
) -> SensorDefinition:
    """Return the sensor of all models' tables; views: every one that they are built on."""
    tables = tables_of(models)
    writers = {*WRITERS, *(f"{model.name}_maturing" for model in models)}

    @sensor(
        job=job,
        name="stale_features",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
        description="Builds days again whose dbt models have changed, newest month first.",
    )
    def evaluate(context: SensorEvaluationContext, lake: Lake) -> RunRequest | SkipReason:
        from lifecycle.move import move_of

        days = ledger.stale_days(lake, {table.name: table.checksum for table in tables}, start)
        runs = context.instance.get_runs(RunsFilter(job_name="backfill"), limit=MOST_RUNS)
        going = context.instance.get_runs(RunsFilter(statuses=GOING))
        writing = [run for run in going if run.job_name in writers]
        if not days:
            return SkipReason(rested([move_of(lake, model) for model in models]))
        return requested({t: days.get(t.name, []) for t in tables}, runs, writing, views)

    return evaluate
