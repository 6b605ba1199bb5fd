"""Which runs a day or a history needs, as run requests. Pure: the same for daemon and command line.

Jobs: `daily`, `views`, `ingest`, `features`, `history` (features and labels together) and per model
`<model>_maturing` (labels and performance), `_measuring` (performance alone), `_scoring`,
`_monitoring`, `_decision` (where there is nothing to watch yet) and `_training`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from dagster import DagsterRunStatus, RunRequest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from declaration import Declaration, MlModel

DAY_TAG, STEP_TAG, MODEL_TAG = "leeway/day", "leeway/step", "leeway/model"
GOING = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
REASON_TAG, ATTEMPT_TAG = "leeway/reason", "leeway/attempt"


def over(job: str, first: date, last: date, labels: Mapping[str, str] | None = None) -> RunRequest:
    """Return one run of a job over the days from `first` to `last`, both included."""
    labels = dict(labels or {})
    if first == last:
        return RunRequest(job_name=job, partition_key=first.isoformat(), tags=labels)
    span = {
        ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
    }
    return RunRequest(job_name=job, tags={**labels, **span})


def months(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Return first and last of `days` (ascending) in every month that has any."""
    for _, group in groupby(days, key=lambda day: (day.year, day.month)):
        inside = list(group)
        yield inside[0], inside[-1]


def model_steps(
    model: MlModel, after: date, day: date, start: date, labels_are_built: bool = False
) -> list[RunRequest]:
    """Return what one model needs for the days after `after` up to the decision day `day`.

    start: the first partition; labels of days before it are not asked for.
    """
    horizon = timedelta(days=model.label.horizon_days)
    tags = {MODEL_TAG: model.name}
    matured = max(after + timedelta(days=1) - horizon, start), day - horizon
    steps = [
        over(f"{model.name}_scoring", after + timedelta(days=1), day, tags),
        over(f"{model.name}_monitoring", day, day, tags),
    ]
    if matured[0] <= matured[1]:
        job = "measuring" if labels_are_built else "maturing"
        steps.insert(0, over(f"{model.name}_{job}", *matured, tags))
    return steps


def day_steps(declaration: Declaration, day: date, start: date) -> list[RunRequest]:
    """Return every run of one day of daily work, in the order in which they depend."""
    steps = [over("daily", day, day)]
    for model in declaration.models:
        steps += model_steps(model, day - timedelta(days=1), day, start)
    return [
        step.with_replaced_attrs(
            run_key=f"{day}:{number}",
            tags={**step.tags, DAY_TAG: day.isoformat(), STEP_TAG: str(number)},
        )
        for number, step in enumerate(steps)
    ]


def training(model: str, day: date, lane: str, reasons: Sequence[str], attempt: int) -> RunRequest:
    """Return the run that trains a model for a decision day.

    The run key is (model, day, lane, attempt): a failed run keeps its key, so the next attempt
    has another one, and two ticks of a sensor ask for the same run.
    """
    return RunRequest(
        run_key=f"{model}:{day}:{lane}:{attempt}",
        job_name=f"{model}_training",
        partition_key=day.isoformat(),
        tags={
            MODEL_TAG: model,
            DAY_TAG: day.isoformat(),
            REASON_TAG: "; ".join(reasons)[:400],
            ATTEMPT_TAG: str(attempt),
        },
    )
