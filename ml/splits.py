"""Which rows a candidate learns from and which it is judged by; plain calendar arithmetic.

A decision at day T may use rows of days up to T - H, where H is the label's horizon: the label of
day d is matured when d + H <= T. Held-out entities (early stopping, calibration) come from inside
the training period, so they need no second embargo. The lane says which rows judge and where
training ends; the recipe (`ml.recipes`) says which days before that it learns from.

- Normal lane: the test is the last `test_days` matured days. Training ends H days before the
  first of them: exactly the rows whose labels were known when the test began.
- Alarm lane: the world has changed, so time can not be held out without losing what matters. It
  stays for challengers of what was let in by an alarm, until the normal lane can teach that world.
  Evidence is the newest matured window, split by entity: half of the entities train up to its last
  day, the other half test, on the same days.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.errors import SplitError
from ml.evidence import Learned
from ml.recipes import Recipe, strided
from ml.schema import Floats, Schema

HOLDOUT_SHARE = 0.1  # of training entities; 400 of 4,000 customers in the demo shop
ALARM_TEST_SHARE = 0.5
ALARM_HOLDOUT_SHARE = 0.2  # few days have matured: a tenth of them would stop a training by chance

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Windows:
    """Lengths in days of as_of: of the label, of the normal lane's test and the alarm lane's."""

    horizon_days: int
    test_days: int = 14
    recent_days: int = 28

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise SplitError(f"{name} is {value}: use at least 1 day")


@dataclass(frozen=True)
class Parts:
    """Rows by use; `weights` has shape [train rows], or is None where all count the same.

    set_aside: rows of held-out entities that are too old to stop a training; they have no use.
    """

    train: pa.Table
    holdout: pa.Table
    test: pa.Table
    weights: Floats | None
    set_aside: int = 0


@dataclass(frozen=True)
class Split:
    """Days and entity shares of one recipe in one lane; days ascend."""

    recipe: Recipe
    train_days: tuple[date, ...]
    test_days: tuple[date, ...]
    holdout_share: float
    test_share: float = 1.0  # below 1, entities are split and none is in both train and test

    @property
    def days(self) -> tuple[date, ...]:
        """Every day whose rows are read."""
        return tuple(sorted({*self.train_days, *self.test_days}))

    def parts(self, table: pa.Table, schema: Schema) -> Parts:
        """Take train, holdout and test rows from one table, keeping its order."""
        schema.require(table, schema.keys)
        time = table[schema.time].cast(pa.date32())
        draws = _Draws(table[schema.entity])
        in_test = _among(time, self.test_days) & (draws.uniform("test") < self.test_share)
        learns = self.learns(table, schema.time, schema.entity)
        held = learns & (draws.uniform("holdout") < self.holdout_share)
        train, stops = learns & ~held, held & self._stops(time)
        weights = self.recipe.weights(time.to_numpy()[train], self.train_days[-1])
        rows = [table.filter(pa.array(mask)) for mask in (train, stops, in_test)]
        return Parts(rows[0], rows[1], rows[2], weights, int((held & ~stops).sum()))

    def learns(self, table: pa.Table, time: str, entity: str) -> Mask:
        """Which rows of a table with these key columns are learned from, held-out ones included."""
        learns = _among(table[time].cast(pa.date32()), self.train_days)
        if self.test_share < 1:
            learns = learns & (_Draws(table[entity]).uniform("test") >= self.test_share)
        return learns

    def _stops(self, time: pa.ChunkedArray) -> Mask:
        """Older days of held-out entities have no use: they would favour what was before."""
        return self.recipe.is_like_tomorrow(time.to_numpy(), self.train_days[-1])

    def learned(self, parts: Parts, schema: Schema, windows: Windows) -> Learned:
        """What a model has learned from, read from the rows that it was given."""
        given = pa.concat_tables([parts.train, parts.holdout])
        newest = pc.max(given[schema.time].cast(pa.date32())).as_py()
        until = newest + timedelta(windows.horizon_days)
        if self.test_share == 1:
            return Learned(until)
        return Learned(until, frozenset(given[schema.entity].cast(pa.string()).to_pylist()))


def normal(as_of: date, windows: Windows, recipe: Recipe, test_from: date | None = None) -> Split:
    """Split by time.

    `test_from` is the first day that may judge; give the day after the champion's decision, because
    labels it has learned from reach up to that day. A test left without days stays empty: the gate
    refuses it.
    """
    first, last = _last_days(as_of, windows, windows.test_days)
    return Split(
        recipe,
        train_days=recipe.days(first - timedelta(windows.horizon_days)),
        test_days=_between(max(first, test_from or first), last),
        holdout_share=HOLDOUT_SHARE,
    )


def alarm(as_of: date, windows: Windows, recipe: Recipe, test_from: date | None = None) -> Split:
    """Split the newest matured window by entity.

    `test_from` is the day since which the world is believed changed, or the first one the champion
    has not seen, whichever is later. Raises SplitError where no such day has matured: there is
    nothing to judge the new world by yet.
    """
    first, last = _last_days(as_of, windows, windows.recent_days)
    evidence_from = max(first, test_from or first)
    if evidence_from > last:
        ready = evidence_from + timedelta(windows.horizon_days)
        raise SplitError(f"no day since {evidence_from} has matured by {as_of}: wait until {ready}")
    return Split(
        recipe,
        train_days=recipe.days(last),
        test_days=_between(evidence_from, last),
        holdout_share=ALARM_HOLDOUT_SHARE,
        test_share=ALARM_TEST_SHARE,
    )


def is_new(since: date, as_of: date, windows: Windows) -> bool:
    """Whether a world that began on `since` is too young for the normal lane.

    Training ends there before the test and a horizon, and fewer than `recent_days` days of the new
    world lie before that: it would teach the world that is gone.
    """
    first, _ = _last_days(as_of, windows, windows.test_days)
    return first - timedelta(windows.horizon_days) < since + timedelta(windows.recent_days - 1)


def refit(as_of: date, windows: Windows, recipe: Recipe) -> Split:
    """A recipe on everything matured: no test, no holdout, every entity."""
    last = as_of - timedelta(windows.horizon_days)
    return Split(recipe, train_days=recipe.days(last), test_days=(), holdout_share=0.0)


def _last_days(as_of: date, windows: Windows, days: int) -> tuple[date, date]:
    last = as_of - timedelta(windows.horizon_days)
    return last - timedelta(days - 1), last


def _between(first: date, last: date) -> tuple[date, ...]:
    return strided(last, (last - first).days + 1, 1)


def _among(time: pa.ChunkedArray, days: tuple[date, ...]) -> Mask:
    found = pc.is_in(time, value_set=pa.array(days, pa.date32()))
    return found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()


class _Draws:
    """One number in [0, 1) per row that depends on its entity and a salt only, in any process."""

    def __init__(self, entities: pa.ChunkedArray) -> None:
        encoded = entities.combine_chunks().dictionary_encode()
        if encoded.indices.null_count:
            raise SplitError(
                f"{encoded.indices.null_count} rows have no entity: filter them in dbt"
            )
        self._rows = encoded.indices.to_numpy(zero_copy_only=False)
        self._names = [str(value).encode() for value in encoded.dictionary.to_pylist()]

    def uniform(self, salt: str) -> Floats:
        digests = b"".join(
            hashlib.blake2b(name, digest_size=8, key=salt.encode()).digest() for name in self._names
        )
        return (np.frombuffer(digests, "<u8") / 2.0**64)[self._rows]
