"""Which runs a day or a history needs, as run requests. Pure: the same for daemon and command line.

Jobs: `daily`, `views`, `ingest`, `features`, `history` (features and labels together) and per model
`<model>_maturing` (labels and performance), `_measuring` (performance alone), `_scoring`,
`_monitoring`, `_decision` (where there is nothing to watch yet) and `_training`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
MOST_ROWS, MOST_DAYS = 500_000, 366  # of one range run
ONE_DAY = timedelta(days=1)
ORPHAN_TAG = "leeway/orphan"  # a run whose process was killed: it says nothing against its work
LANE_TAG, REASON_TAG, ATTEMPT_TAG = "leeway/lane", "leeway/reason", "leeway/attempt"


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
    """Return first and last of `days` (ascending) in spans of one month that have every day."""
    for _, group in groupby(days, key=lambda day: (day.year, day.month)):
        yield from ranges(list(group), {})


def ranges(days: Sequence[date], rows: Mapping[date, int]) -> Iterator[tuple[date, date]]:
    """Return first and last of `days` (ascending) in spans that one run of a history works off.

    A span has every day in it: one that is not asked for is built, and would be built again, which
    ends what people have accepted of it. rows: delivered raw rows of a day. A span has at most
    MOST_ROWS, unless one day alone has more: what features of a span take grows with them. What is
    left is worked off with the span before where it is less than a tenth of one: the start of a run
    would cost more than its rows.
    """
    spans: list[list[date]] = []
    for span in _full(days, rows):
        if spans and span[0] - spans[-1][-1] == ONE_DAY and _is_little(span, rows):
            spans[-1] += span
        else:
            spans.append(span)
    return ((span[0], span[-1]) for span in spans)


def _full(days: Sequence[date], rows: Mapping[date, int]) -> list[list[date]]:
    """Cut `days` where a day is missing, and where a span has as much as it may."""
    spans: list[list[date]] = []
    count = 0
    for day in days:
        count += rows.get(day, 0)
        follows = spans and day - spans[-1][-1] == ONE_DAY
        if not follows or count > MOST_ROWS or len(spans[-1]) == MOST_DAYS:
            spans.append([])
            count = rows.get(day, 0)
        spans[-1].append(day)
    return spans


def _is_little(span: Sequence[date], rows: Mapping[date, int]) -> bool:
    few = sum(rows.get(day, 0) for day in span) < MOST_ROWS / 10
    return few and len(span) < MOST_DAYS / 10


def model_steps(
    model: MlModel,
    after: date,
    day: date,
    start: date,
    *,
    has_champion: bool,
    labels_are_built: bool = False,
) -> list[RunRequest]:
    """Return what one model needs for the days after `after` up to the decision day `day`.

    start: the first partition; labels of days before it are not asked for. Before the first
    champion there is nothing to score or to watch, only to decide.
    """
    tags = {MODEL_TAG: model.name}
    matured = day - timedelta(days=model.label.horizon_days)
    oldest = max(after + timedelta(days=1 - model.label.horizon_days), start)
    steps = []
    if oldest <= matured and not labels_are_built:
        steps.append(over(f"{model.name}_maturing", oldest, matured, tags))
    elif oldest <= matured and has_champion:
        steps.append(over(f"{model.name}_measuring", oldest, matured, tags))
    if not has_champion:
        return [*steps, over(f"{model.name}_decision", day, day, tags)]
    scoring = over(f"{model.name}_scoring", after + timedelta(days=1), day, tags)
    # scores first: a horizon shorter than the stride matures days that are only now scored
    return [scoring, *steps, over(f"{model.name}_monitoring", day, day, tags)]


def day_steps(
    declaration: Declaration, day: date, start: date, live: Collection[str] = ()
) -> list[RunRequest]:
    """Return every run of one day of daily work, in the order in which they depend.

    live: the models that have a champion on that day.
    """
    steps = [over("daily", day, day)]
    for model in declaration.models:
        champion = model.name in live
        yesterday = day - timedelta(days=1)
        steps += model_steps(model, yesterday, day, start, has_champion=champion)
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
            LANE_TAG: lane,
            REASON_TAG: "; ".join(reasons)[:400],
            ATTEMPT_TAG: str(attempt),
        },
    )
