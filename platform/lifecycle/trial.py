"""The trial of a new champion: who scores beside it until when, and what that has shown."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

import ledger
from assets.partitions import days_between
from declaration import MlModel
from lifecycle import store
from lifecycle.champions import PROMOTED
from lifecycle.losses import scored_rows
from lifecycle.quality import blocked_days
from lifecycle.tested import unfit_days, without
from ml import trial as ml_trial
from resources.lake import Lake, quoted

CHAMPION, SHADOW = "champion", "shadow"


@dataclass(frozen=True)
class Trial(ml_trial.Trial):
    """The trial of `version` beside the one before it."""

    version: int
    shadow: int


def trial_of(model: MlModel, reign: dict[str, Any] | None) -> Trial | None:
    """Return the trial that a row of `ledger.champions` begins; a first model has none."""
    if not reign or reign["action"] != PROMOTED or reign["previous"] is None:
        return None
    first = ledger.live_from(reign)
    horizon = model.label.horizon_days
    return Trial(first, model.trial.days, horizon, reign["version"], reign["previous"])


def trial_on(lake: Lake, model: MlModel, day: date) -> Trial | None:
    """Return the trial that is going on on a day, or None."""
    found = trial_of(model, ledger.reign_on(lake, model.name, day))
    return found if found and day <= found.end else None


def differences(lake: Lake, model: MlModel, trial: Trial, as_of: date) -> ml_trial.Differences:
    """Return the paired losses of a trial's days that have matured by `as_of`.

    Held days and days that failed their tests are left out.
    """
    last = min(trial.looks[-1], as_of - timedelta(days=model.label.horizon_days))
    days = days_between(trial.first, last)
    left_out = blocked_days(lake, model) | unfit_days(lake, model, days).keys()
    rows = scored_rows(lake, model, without(days, left_out))
    rows = rows.filter(
        (pc.field("version") == trial.version) & (pc.field("shadow") == trial.shadow)
    )
    names = (model.time, model.entity, "loss", "shadow_loss")
    day, entity, loss, shadow_loss = (rows[name].to_numpy() for name in names)
    return ml_trial.Differences(day.astype("datetime64[D]"), entity, loss - shadow_loss)


def faults(lake: Lake, model: MlModel, trial: Trial, as_of: date) -> list[ml_trial.Fault]:
    """Return the days up to `as_of` that the version could not score and its shadow could."""
    time, limit = quoted(model.time), model.trial.max_row_ms
    rows = lake.rows(
        f"""select c.{time} as day, c.fault, c.detail, c.row_ms, s.row_ms as shadow_ms
        from {quoted("ml", store.scoring(model))} as c
        join {quoted("ml", store.scoring(model))} as s using ({time})
        where c.role = ? and c.version = ? and s.role = ? and s.version = ?
            and s.fault is null and s.rows > 0 and {time} between ? and ? order by 1""",
        [CHAMPION, trial.version, SHADOW, trial.shadow, trial.first, min(as_of, trial.end)],
    )
    found = [ml_trial.Fault(r["day"], r["fault"], r["detail"]) for r in rows if r["fault"]]
    slow = [r for r in rows if limit and not r["fault"] and r["row_ms"] > limit >= r["shadow_ms"]]
    return found + [
        ml_trial.Fault(r["day"], "latency", f"{r['row_ms']:.3f} ms a row, the limit is {limit:g}")
        for r in slow
    ]
