"""Predictions by the champion of each day, and by its shadow while it is on trial."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from declaration import MlModel
from ledger import reigns_on
from lifecycle.predictions import Part, keep
from lifecycle.scored import score, unusable
from lifecycle.tested import checksums_of, untested, without
from lifecycle.trial import CHAMPION, SHADOW, trial_of
from resources.lake import Lake
from resources.registry import Registry

logger = logging.getLogger("leeway")


@dataclass(frozen=True)
class Scored:
    """What a pass over days with a champion came to.

    skipped: days without predictions, and why. other_code: versions that scored features of other
    dbt models than those they learned from, because the SQL of these is not kept, and which days.
    shadow: what a champion's predecessor could not score beside it.
    """

    rows: int
    days: int
    skipped: Mapping[date, str]
    other_code: tuple[str, ...]
    shadow: tuple[str, ...] = ()


def predict(lake: Lake, registry: Registry, model: MlModel, days: Sequence[date]) -> Scored:
    """Score `days`, each by the version that the ledger names for it, and by its shadow.

    Days before the first champion are left without rows, and so are, by name, days whose features
    have not passed their tests or do not fit the version, and days of which any prediction is not
    finite. What a shadow cannot do stops nothing.
    """
    reigns = reigns_on(lake, model.name, days)
    code = checksums_of(lake, model.features.table, list(reigns))
    missing = dict.fromkeys(reigns, f"{model.features.table} has not been built")
    unfit = missing | untested(lake, [model.features.table], list(reigns))
    skipped = {day: why for day, why in unfit.items() if day not in code}
    fit = {day: reigns[day] for day in without(list(reigns), skipped)}
    live = {day: reign["version"] for day, reign in fit.items()}
    parts = [score(lake, registry, model, CHAMPION, *chosen) for chosen in by_version(live)]
    shadows = _shadows(lake, registry, model, fit)
    keep(lake, model, days, parts, shadows)
    for part in parts:
        skipped |= part.skipped
    return Scored(
        sum(part.predictions.num_rows for part in parts),
        len(without(list(reigns), skipped)),
        skipped,
        tuple(part.other_code for part in parts if part.other_code),
        tuple(dict.fromkeys(f"{day}: {why}" for p in shadows for day, why in p.skipped.items())),
    )


def by_version(days: Mapping[date, int]) -> Iterator[tuple[int, list[date]]]:
    """Return each version and the consecutive ones of `days` that it scores."""
    for version, group in groupby(days, key=lambda day: days[day]):
        yield version, list(group)


def _shadows(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    reigns: Mapping[date, dict[str, Any]],
) -> list[Part]:
    """Score the days that a champion is on trial by the version before it; warn where that fails.

    reigns: rows of `ledger.champions` by day.
    """
    trials = {day: trial_of(model, reign) for day, reign in reigns.items()}
    on_trial = {day: t.shadow for day, t in trials.items() if t and day <= t.end}
    parts = []
    for version, days in by_version(on_trial):
        try:
            parts.append(score(lake, registry, model, SHADOW, version, days))
        except Exception as error:  # whatever is wrong with an older version, the live one goes on
            why = f"shadow version {version} cannot score: {type(error).__name__}: {error}"
            logger.warning("%s %s..%s: %s", model.name, days[0], days[-1], why)
            parts.append(unusable(model, SHADOW, version, days, why))
    return parts
