"""Days that a watch looks at, as sketches: the last weeks, and those in doubt before them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ledger
from assets.partitions import days_between
from declaration import MlModel
from lifecycle import sketches, store
from lifecycle.broken import broken_days, rebuilt_days
from lifecycle.own_features import own_features
from lifecycle.rival import learned_by
from lifecycle.tested import checksums_of, made_by, newest_made, window
from ml.accepted import Accepted
from ml.feature_alarm import WATCHED_DAYS
from ml.incident import Finding
from ml.watching import Days
from resources.lake import Lake, quoted


def last_days(as_of: date) -> list[date]:
    """Return the days up to `as_of` that the alarms add up."""
    return days_between(as_of - timedelta(days=WATCHED_DAYS - 1), as_of)


def recent(lake: Lake, model: MlModel, as_of: date) -> tuple[Days, tuple[Finding, ...]]:
    """Return sketches of the days that may be compared, and a finding where code has changed.

    Days are compared as the champion knows its features, whoever has made them. Where its SQL is
    not kept, days that two versions of a feature have made do not compare: only the newest
    version's days count, and nothing is trained on what they show until the others have been built
    again. Nor do the predictions of another champion.
    """
    made = checksums_of(lake, model.features.table, last_days(as_of))
    features = _features(lake, model, as_of, made)
    source = sketches.of_predictions(model)
    scores = sketches.of_days(lake, source, _scored(lake, model, as_of, list(features)))
    days = {day: {**table, **scores.get(day, {})} for day, table in features.items()}
    shown = {day: made[day] for day in window(model, as_of) if day in made}
    other = [day for day in shown if day not in features]
    if not other:
        return days, ()
    reason = f"{model.features.table} was made by different dbt models ({made_by(shown)})"
    return days, (Finding("mixed features", None, reason, float(len(other)), 0.0),)


def _scored(lake: Lake, model: MlModel, as_of: date, days: Sequence[date]) -> list[date]:
    """Return the days that the champion of `as_of` has predicted since it is live.

    After a rollback into the past the days between are its own, and their rows another version's.
    """
    reign = ledger.reign_on(lake, model.name, as_of)
    if reign is None or not store.exists(lake, store.predictions(model)):
        return []
    rows = lake.rows(
        f"""select {quoted(model.time)} as day from {quoted("ml", store.predictions(model))}
        where {quoted(model.time)} in (select unnest($days)) and {quoted(model.time)} > $decided
        group by day having bool_and(version = $version) order by day""",
        {"days": list(days), "decided": reign["as_of"], "version": reign["version"]},
    )
    return [row["day"] for row in rows]


def doubtful(lake: Lake, model: MlModel, as_of: date, accepted: Sequence[Accepted]) -> Days:
    """Return sketches of older days that were found broken and may be sound by now.

    They were built again since, or what they show is `accepted`. Only of days that compare.
    """
    late, first = set(last_days(as_of)), min((each.since for each in accepted), default=date.max)
    asked = rebuilt_days(lake, model) | {d for d in broken_days(lake, model) if d >= first}
    older = [day for day in asked if day <= as_of and day not in late]
    made = checksums_of(lake, model.features.table, [*older, *late]) if older else {}
    return {
        day: found
        for day, found in _features(lake, model, as_of, made, older).items()
        if day not in late
    }


def _features(
    lake: Lake, model: MlModel, as_of: date, made: Mapping[date, str], days: Sequence[date] = ()
) -> Days:
    """Return a table for each of the days that compare; without rows it is empty.

    made: the days that have passed, and by which code; days: which of them, any where left out.
    """
    known = learned_by(lake, model, ledger.champion_on(lake, model.name, as_of))
    asked = [day for day in made if day in days or not days]
    own = own_features(lake, model, asked, known) if known and asked else None
    if own and not own.foreign:
        compared, found = asked, own.sketches(lake)
    else:
        compared = [day for day in newest_made(made) if day in asked]
        found = sketches.of_days(lake, sketches.of_features(model), compared)
    hidden = model.features.exclude
    return {
        day: {name: sketch for name, sketch in found.get(day, {}).items() if name not in hidden}
        for day in compared
    }
