"""The daily watch over what is live in a replay, from memory."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from ml.calibration import Table
from ml.feature_alarm import WATCHED_DAYS
from ml.incident import Finding
from ml.known import Known
from ml.replay.reigns import Reigns
from ml.replay.version import Version, known_of
from ml.replay.world import World
from ml.watching import Check, Seen, broken, broken_together, checks, predictions_of, sound


class Watcher:
    """Watches one version after the other; what a version knows is learned once."""

    def __init__(self, world: World, seed: int, window_days: int) -> None:
        self.world, self.seed, self.window_days = world, seed, window_days
        self.known: dict[int, Known] = {}
        self.alone: dict[tuple[int, date], list[Finding]] = {}
        self.scores: dict[tuple[int, date], Table] = {}

    def watch(
        self, version: Version, reigns: Reigns, as_of: date
    ) -> tuple[tuple[Check, ...], tuple[Finding, ...]]:
        """Return checks and findings of a day, as production's watch does."""
        task, known = self.world.schema.target, self._known(version)
        days = self._days(reigns, as_of)
        alone = {day: self._alone(known, version, day, table) for day, table in days.items()}
        window = _last(as_of, self.window_days)
        current = {day: days[day] for day in window if day in days}
        findings = self.world.findings_of(window)
        findings += tuple(finding for day in current for finding in alone[day])
        if current:
            findings += broken_together(known, current, findings)
        healthy = sound(task, days, alone)
        self.world.excluded.update(day for day in current if day not in healthy)
        return checks(task, known, self._seen(reigns, as_of, healthy), findings), findings

    def _known(self, version: Version) -> Known:
        if version.number not in self.known:
            last = self.world.matured(version.as_of)
            self.known[version.number] = known_of(version, last, self.seed)
        return self.known[version.number]

    def _days(self, reigns: Reigns, as_of: date) -> dict[date, Table]:
        recent = reigns.days[-WATCHED_DAYS:]
        live = {scored.day: scored.version for scored in recent if scored.day > reigns.since}
        watched = [day for day in _last(as_of, WATCHED_DAYS) if day in self.world.features]
        return {
            day: {**self.world.features[day], **self._scores(reigns, live.get(day), day)}
            for day in watched
        }

    def _scores(self, reigns: Reigns, number: int | None, day: date) -> Table:
        if number is None:
            return {}
        if (number, day) not in self.scores:
            self.scores[number, day] = reigns.versions[number].sketch_of(day)
        return self.scores[number, day]

    def _alone(self, known: Known, version: Version, day: date, table: Table) -> list[Finding]:
        key = version.number, day
        if key not in self.alone:
            self.alone[key] = broken(known, {day: table}).get(day, [])
        return self.alone[key]

    def _seen(self, reigns: Reigns, as_of: date, days: Mapping[date, Table]) -> Seen:
        scores = {d: predictions_of(self.world.schema.target, t) for d, t in days.items()}
        live = {day: table for day, table in scores.items() if table}
        matured, known = self.world.matured(as_of), self.world.labels
        return Seen(
            features=days,
            live=live,
            labels={day: known[day] for day in days if day <= matured and day in known},
            unlabelled={day: table for day, table in live.items() if day > matured},
            losses=reigns.matured(as_of),
        )


def _last(as_of: date, days: int) -> Sequence[date]:
    return [as_of - timedelta(days=n) for n in reversed(range(days))]
