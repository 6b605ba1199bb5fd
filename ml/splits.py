"""Which rows a candidate learns from and which it is judged by; plain calendar arithmetic.

A decision at day T may use rows of days up to T - H, where H is the label's horizon: the label of
day d is matured when d + H <= T. Held-out entities (early stopping, calibration) come from inside
the training period, so they need no second embargo.

- Normal lane: the test is the last `test_days` matured days. Training ends H days before the
  first of them: exactly the rows whose labels were known when the test began.
- Alarm lane: the world has changed, so time can not be held out without losing what matters.
  Evidence is the newest matured window, split by entity: half of the entities train, the other
  half test, on the same days. Older rows of training entities stay in as ballast with a
  half-life of 21 days, together at most a quarter of the evidence's weight, so that a few matured
  days of a new concept outvote months of the old one while rare categories keep a meaning.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.errors import SplitError
from ml.schema import Floats, Schema

HOLDOUT_SHARE = 0.1  # of training entities; 400 of 4,000 customers in the demo shop
ALARM_TEST_SHARE = 0.5
BALLAST = 0.25  # old rows' largest share of the evidence's weight, alarm lane
HALF_LIVES = 5  # older rows would weigh less than 3 % of a fresh one

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Windows:
    """Lengths in days of as_of; `every_days` strides the training days."""

    horizon_days: int
    test_days: int = 14
    window_days: int = 365
    every_days: int = 7
    recent_days: int = 28
    half_life_days: int = 21

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise SplitError(f"{name} is {value}: use at least 1 day")


@dataclass(frozen=True)
class Parts:
    """Rows by use; `weights` has shape [train rows], or is None where all count the same."""

    train: pa.Table
    holdout: pa.Table
    test: pa.Table
    weights: Floats | None


@dataclass(frozen=True)
class Split:
    """Days and entity shares of one split; days ascend.

    `evidence_from` set (alarm lane) means: training weights halve every `half_life_days`, and days
    before it are ballast.
    """

    train_days: tuple[date, ...]
    test_days: tuple[date, ...]
    holdout_share: float
    test_share: float = 1.0  # below 1, entities are split and none is in both train and test
    evidence_from: date | None = None
    half_life_days: int | None = None

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
        learns = _among(time, self.train_days)
        if self.test_share < 1:
            learns &= draws.uniform("test") >= self.test_share
        held = learns & (draws.uniform("holdout") < self.holdout_share)
        train = learns & ~held
        weights = self._weights(time.to_numpy()[train])
        rows = [table.filter(pa.array(mask)) for mask in (train, held, in_test)]
        return Parts(rows[0], rows[1], rows[2], weights)

    def _weights(self, days: Any) -> Floats | None:
        """Recency weights of training rows, shape [rows]."""
        if self.evidence_from is None or self.half_life_days is None:
            return None
        age = (np.datetime64(self.train_days[-1]) - days).astype(np.float64)
        weights = 0.5 ** (age / self.half_life_days)
        old = days < np.datetime64(self.evidence_from)
        evidence, ballast = weights[~old].sum(), weights[old].sum()
        if ballast > 0:
            weights[old] *= min(1.0, BALLAST * evidence / ballast)
        return weights


def normal(as_of: date, windows: Windows, test_from: date | None = None) -> Split:
    """Split by time.

    `test_from` is the first day that may judge; give the day after the champion's decision, because
    labels it has learned from reach up to that day. A test left without days stays empty: the gate
    refuses it.
    """
    first, last = _last_days(as_of, windows, windows.test_days)
    training_end = first - timedelta(windows.horizon_days)
    return Split(
        train_days=_strided(training_end, windows.window_days, windows.every_days),
        test_days=_between(max(first, test_from or first), last),
        holdout_share=HOLDOUT_SHARE,
    )


def alarm(as_of: date, windows: Windows, test_from: date | None = None) -> Split:
    """Split the newest matured window by entity.

    `test_from` is the day since which the world is believed changed, or the first one the champion
    has not seen, whichever is later; evidence is what lies at or after it. Raises SplitError where
    no such day has matured: there is nothing to learn the new world from yet.
    """
    first, last = _last_days(as_of, windows, windows.recent_days)
    evidence_from = max(first, test_from or first)
    if evidence_from > last:
        ready = evidence_from + timedelta(windows.horizon_days)
        raise SplitError(f"no day since {evidence_from} has matured by {as_of}: wait until {ready}")
    evidence = _between(evidence_from, last)
    return Split(
        train_days=_with_ballast(evidence_from, last, windows),
        test_days=evidence,
        holdout_share=HOLDOUT_SHARE,
        test_share=ALARM_TEST_SHARE,
        evidence_from=evidence_from,
        half_life_days=windows.half_life_days,
    )


def refit(as_of: date, windows: Windows, gated: Split) -> Split:
    """The gated recipe on everything matured: no test, no holdout, every entity."""
    last = as_of - timedelta(windows.horizon_days)
    if gated.evidence_from is None:
        days = _strided(last, windows.window_days, windows.every_days)
        return Split(train_days=days, test_days=(), holdout_share=0.0)
    return Split(
        train_days=_with_ballast(gated.evidence_from, last, windows),
        test_days=(),
        holdout_share=0.0,
        evidence_from=gated.evidence_from,
        half_life_days=windows.half_life_days,
    )


def _last_days(as_of: date, windows: Windows, days: int) -> tuple[date, date]:
    last = as_of - timedelta(windows.horizon_days)
    return last - timedelta(days - 1), last


def _between(first: date, last: date) -> tuple[date, ...]:
    return tuple(first + timedelta(i) for i in range((last - first).days + 1))


def _strided(last: date, window_days: int, every_days: int) -> tuple[date, ...]:
    """Every n-th day, anchored at the newest so that all lanes use the freshest rows."""
    return tuple(sorted(last - timedelta(i) for i in range(0, window_days, every_days)))


def _with_ballast(evidence_from: date, last: date, windows: Windows) -> tuple[date, ...]:
    """Every evidence day, and strided older days while they still weigh something."""
    before = evidence_from - timedelta(1)
    reach = min(windows.window_days, HALF_LIVES * windows.half_life_days)
    older = _strided(before, reach - (last - before).days, windows.every_days)
    return older + _between(evidence_from, last)


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
