"""Evidence that is broken in any way compares nothing and promotes nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ml.evidence import Evidence, Keys, Scored
from ml.gate import decide
from ml.verdict import GatePolicy

POLICY = GatePolicy()
DAYS, ENTITIES = 14, 400
Refused = Callable[..., bool]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_a_prediction_that_is_no_probability_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, bad: float, who: str
) -> None:
    models = {"candidate": good, "champion": poor}
    values = models[who].predictions.copy()
    values[5] = bad
    models[who] = replace(models[who], predictions=values)
    verdict = decide(world.evidence(**models), POLICY)
    assert refused(verdict, f"{who}: values that are no probability: 1")
    assert verdict.gain is None


def _rows(scored: Scored, index: Any) -> Scored:
    keys = Keys(scored.keys.entity[index], scored.keys.day[index])
    return Scored(keys, scored.predictions[index])


ALL = np.arange(DAYS * ENTITIES)


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (ALL[1:], "test rows not predicted: 1"),
        (np.r_[ALL, 0], "repeated predictions: 1"),
        (np.r_[0, 0, ALL[2:]], "repeated predictions: 1"),
        (ALL[::-1], "rows out of order: 5600"),
        (np.r_[1, 0, ALL[2:]], "rows out of order: 2"),
        (ALL[:0], "test rows not predicted: 5600"),
    ],
)
@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_rows_that_are_missing_repeated_or_shuffled_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, index: Any, reason: str, who: str
) -> None:
    models = {"candidate": good, "champion": poor}
    models[who] = _rows(models[who], index)
    assert refused(decide(world.evidence(**models), POLICY), f"{who}: {reason}")


def test_predictions_for_other_rows_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    later = replace(good, keys=replace(good.keys, day=good.keys.day + 1))
    verdict = decide(world.evidence(later, poor), POLICY)
    assert refused(verdict, "candidate: predictions for other rows: 400")


def test_values_of_another_shape_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    column = replace(good, predictions=good.predictions[:, None])
    assert not decide(world.evidence(column, poor), POLICY).promote
    short = replace(good, predictions=good.predictions[1:])
    assert refused(decide(world.evidence(short, poor), POLICY), "candidate: values: 5599")


def test_models_that_are_not_there_are_refused(refused: Refused, world: Any, good: Scored) -> None:
    assert refused(decide(world.evidence(None, good), POLICY), "candidate is there: 0")
    assert refused(decide(world.evidence(good, None), POLICY), "champion is there: 0")


@pytest.mark.parametrize("difference", [None, np.nan, 1e-3])
def test_a_candidate_that_reloads_differently_or_untested_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, difference: float | None
) -> None:
    evidence = replace(world.evidence(good, poor), reload_difference=difference)
    assert refused(decide(evidence, POLICY), "difference after reload")


def _part(world: Any, good: Scored, poor: Scored, index: Any) -> Evidence:
    whole = world.evidence(_rows(good, index), _rows(poor, index))
    keys = Keys(world.keys.entity[index], world.keys.day[index])
    return replace(whole, keys=keys, labels=world.labels[index], slices={})


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (ALL[:0], "test rows: 0 (limit >= 500)"),
        (ALL[::12], "test rows: 467 (limit >= 500)"),
        (ALL[: 2 * ENTITIES], "test days: 2 (limit >= 3)"),
        (ALL[ALL % ENTITIES < 50], "test entities: 50 (limit >= 100)"),
        (np.r_[ALL, ALL[:3]], "repeated test rows: 3"),
    ],
)
def test_too_few_or_repeated_test_rows_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, index: Any, reason: str
) -> None:
    assert refused(decide(_part(world, good, poor, index), POLICY), reason)


@pytest.mark.parametrize("label", [np.nan, 2.0])
def test_a_label_that_has_not_matured_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, label: float
) -> None:
    labels = world.labels.copy()
    labels[0] = label
    evidence = replace(world.evidence(good, poor), labels=labels)
    assert refused(decide(evidence, POLICY), "labels other than 0 and 1: 1")


def test_labels_of_one_class_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    evidence = replace(world.evidence(good, poor), labels=np.zeros(len(ALL)))
    assert refused(decide(evidence, POLICY), "classes of labels: 1")
