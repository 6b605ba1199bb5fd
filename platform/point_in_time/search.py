"""From which day on a value is another: the day is halved out, for many cells at once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

Value = str | None
# Cells' values with what was known on a later day: of all relations, or of the named one only.
Ask = Callable[[date, str | None], Sequence[Value]]


@dataclass
class Search:
    """Where a cell's value turns: not yet so as known on `before`, and so as known on `after`."""

    cell: int
    holds: Callable[[Value], bool]
    before: date
    after: date

    @property
    def is_exact(self) -> bool:
        """Whether no day lies between."""
        return self.after - self.before <= timedelta(days=1)

    def learn(self, day: date, value: Value) -> None:
        """Narrow by the value as known on a day."""
        if self.before < day < self.after:
            if self.holds(value):
                self.after = day
            else:
                self.before = day


@dataclass
class Asked:
    """Cells' values as known on days; `left` more may be asked for, each costs a query."""

    ask: Ask
    left: int
    known: dict[tuple[date, str | None], Sequence[Value]] = field(default_factory=dict)

    def on(self, day: date, only: str | None = None) -> Sequence[Value]:
        """Return the cells' values as known at the end of a day, of one relation or of all."""
        if (day, only) not in self.known:
            self.left -= 1
            self.known[day, only] = self.ask(day, only)
        return self.known[day, only]


def narrow(searches: Sequence[Search], asked: Asked) -> None:
    """Narrow every search to neighbouring days, or as far as `asked` still answers."""
    for (day, only), found in asked.known.items():
        for search in searches if only is None else ():
            search.learn(day, found[search.cell])
    while open_ := [search for search in searches if not search.is_exact]:
        if asked.left <= 0:
            return
        middles = Counter(each.before + (each.after - each.before) // 2 for each in open_)
        day = middles.most_common(1)[0][0]
        found = asked.on(day)
        for search in open_:
            search.learn(day, found[search.cell])
