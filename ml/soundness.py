"""Whether evidence can be trusted at all: right rows, once each, in order, matured, unseen, enough.

Whoever puts the evidence together may be wrong; a wrong caller must not promote anything.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ml.evidence import Evidence, Keys, Scored
from ml.task import Task
from ml.verdict import Check, GatePolicy, at_least, at_most


def soundness(
    evidence: Evidence, models: Mapping[str, Scored | None], policy: GatePolicy
) -> Iterator[Check]:
    """Check the test rows, then each model's predictions against them."""
    keys, labels, task = evidence.keys, evidence.labels, evidence.task
    yield at_least("candidates", len(evidence.candidates), 1)
    yield at_least("test rows", len(keys), policy.min_rows)
    yield at_least("test days", len(np.unique(keys.day)), policy.min_days)
    yield at_least("test entities", len(np.unique(keys.entity)), policy.min_entities)
    yield _none("repeated test rows", _repeated(keys))
    yield _none("test rows without a label", abs(labels.size - len(keys)))
    settled = keys.day + np.timedelta64(evidence.horizon_days, "D")
    yield _none("test rows not matured", np.invert(settled <= np.datetime64(evidence.as_of)))
    yield _none(f"labels other than {task.wants}", ~task.known(labels))
    yield at_least("different labels", len(np.unique(labels)), 2)
    for name, scored in models.items():
        yield Check(f"{name} is there", scored is not None, float(scored is not None), "1")
        if scored is not None:
            yield from _alignment(name, scored, keys, task)
            yield _unseen(name, scored, keys)


def _alignment(name: str, scored: Scored, keys: Keys, task: Task) -> Iterator[Check]:
    """One model's rows must be the test rows, in their order, each with a valid prediction."""
    expected, given = set(keys.pairs()), set(scored.keys.pairs())
    values = scored.predictions
    yield _none(f"{name}: test rows not predicted", len(expected - given))
    yield _none(f"{name}: predictions for other rows", len(given - expected))
    yield _none(f"{name}: repeated predictions", _repeated(scored.keys))
    yield _none(f"{name}: rows out of order", _out_of_order(scored.keys, keys))
    expected_shape = task.shape(len(scored.keys))
    one_each = values.shape == expected_shape
    yield Check(f"{name}: values", one_each, float(values.size), f"of shape {expected_shape}")
    wrong = ~task.valid(values) if one_each else values.size
    yield _none(f"{name}: values that are no prediction of the task", wrong)


def _unseen(name: str, scored: Scored, keys: Keys) -> Check:
    """No test row's label may reach into what the model has learned from."""
    seen = None if scored.learned is None else float(scored.learned.has_seen(keys).sum())
    return at_most(f"{name}: test rows it has seen", seen, 0)


def _none(name: str, wrong: int | np.ndarray[Any, Any]) -> Check:
    """Passes when nothing is wrong; takes a count or a mask."""
    return at_most(name, float(np.sum(wrong)), 0)


def _repeated(keys: Keys) -> int:
    return len(keys) - len(set(keys.pairs()))


def _out_of_order(given: Keys, expected: Keys) -> int:
    """Rows that differ place by place, over the length that both have."""
    return sum(a != b for a, b in zip(given.pairs(), expected.pairs(), strict=False))
