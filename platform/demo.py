"""The demo's closing table: what the loop did about a drift that was injected on a known day."""

from dataclasses import dataclass
from datetime import date, timedelta

from declaration import MlModel
from examples import labelled, schema
from lifecycle import store
from lifecycle.champions import history_of
from lifecycle.loaded import fitted_of
from resources.lake import Lake, quoted
from resources.registry import Registry


@dataclass(frozen=True)
class Losses:
    """Mean loss per row of the live model, and of the one before it, had it stayed."""

    days: int
    live: float
    without_retraining: float


@dataclass(frozen=True)
class Story:
    """What happened after the drift; None where it has not happened (yet)."""

    drift: date | None
    alarm: date | None
    promotion: date | None
    before: Losses | None
    between: Losses | None
    after: Losses | None


def story(
    lake: Lake, registry: Registry, model: MlModel, first: date, last: date, drift: date | None
) -> Story:
    """Tell the loop's story about one drift; without a drift, about the whole span."""
    start = drift or first
    horizon = timedelta(days=model.label.horizon_days)
    alarm = _alarm(lake, model, start)
    promotion = _promotion(lake, model, start) if alarm else None
    old = _version_on(lake, model, start)
    spans = (
        (first, start - horizon - timedelta(days=1)),
        (start, promotion or last - horizon),
        ((promotion or last) + timedelta(days=1), last - horizon),
    )
    losses = [compare(lake, registry, model, old, *span) for span in spans]
    return Story(drift, alarm, promotion, *losses)


def compare(
    lake: Lake, registry: Registry, model: MlModel, version: int | None, first: date, last: date
) -> Losses | None:
    """Return the live model's loss on matured days and that of one `version` on the same rows."""
    time = quoted(model.time)
    if version is None or first > last or not store.exists(lake, store.performance(model)):
        return None
    found = lake.rows(
        f"""select {time} as day, rows, mean_loss from {quoted("ml", store.performance(model))}
        where {time} between ? and ? order by 1""",
        [first, last],
    )
    if not found:
        return None
    rows = labelled(lake, model, [row["day"] for row in found])
    predictions = fitted_of(registry, model, version).predict(rows)
    stayed = model.target.losses(schema(model, rows).labels(rows), predictions)
    count = sum(row["rows"] for row in found)
    live = sum(row["rows"] * row["mean_loss"] for row in found) / count
    return Losses(len(found), live, float(stayed.mean()))


def _alarm(lake: Lake, model: MlModel, start: date) -> date | None:
    found = lake.rows(
        """select min(as_of) as day from ledger.checks
        where model = ? and as_of >= ? and not passed and severity = 'ERROR'""",
        [model.name, start],
    )
    return found[0]["day"]


def _promotion(lake: Lake, model: MlModel, start: date) -> date | None:
    found = lake.rows(
        """select min(as_of) as day from ledger.champions
        where model = ? and as_of >= ? and action = 'promoted'""",
        [model.name, start],
    )
    return found[0]["day"]


def _version_on(lake: Lake, model: MlModel, day: date) -> int | None:
    """Return what is live on a day, or the first that was ever live."""
    reigns = history_of(lake, model.name)
    found = [reign for reign in reigns if reign["as_of"] < day][-1:] or reigns[:1]
    return found[0]["version"] if found else None
