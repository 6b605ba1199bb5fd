"""Evidence that is broken in any way compares nothing and promotes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.evidence import Evidence, Keys, Learned, Scored
from ml.gate import decide
from ml.verdict import GatePolicy

POLICY = GatePolicy()
DAYS, ENTITIES = 14, 400
Refused = Callable[..., bool]
SHOWN = {"candidate": "candidate window", "champion": "champion"}


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
    assert refused(verdict, f"{SHOWN[who]}: values that are no prediction of the task: 1")
    assert verdict.gain is None


def _rows(scored: Scored, index: Any) -> Scored:
    keys = Keys(scored.keys.entity[index], scored.keys.day[index])
    return replace(scored, keys=keys, predictions=scored.predictions[index])


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
    assert refused(decide(world.evidence(**models), POLICY), f"{SHOWN[who]}: {reason}")


def test_predictions_for_other_rows_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    later = replace(good, keys=replace(good.keys, day=good.keys.day + 1))
    verdict = decide(world.evidence(later, poor), POLICY)
    assert refused(verdict, "candidate window: predictions for other rows: 400")


def test_values_of_another_shape_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    column = replace(good, predictions=good.predictions[:, None])
    assert not decide(world.evidence(column, poor), POLICY).promote
    short = replace(good, predictions=good.predictions[1:])
    assert refused(decide(world.evidence(short, poor), POLICY), "candidate window: values: 5599")


def test_models_that_are_not_there_are_refused(refused: Refused, world: Any, good: Scored) -> None:
    assert refused(decide(world.evidence(None, good), POLICY), "candidate window is there: 0")
    assert refused(decide(world.evidence(good, None), POLICY), "champion is there: 0")


@pytest.mark.parametrize("difference", [None, np.nan, 1e-3])
def test_a_candidate_that_reloads_differently_or_untested_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, difference: float | None
) -> None:
    evidence = replace(world.evidence(good, poor), reload_differences={"window": difference})
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
def test_a_label_that_is_not_there_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, label: float
) -> None:
    labels = world.labels.copy()
    labels[0] = label
    evidence = replace(world.evidence(good, poor), labels=labels)
    assert refused(decide(evidence, POLICY), "labels other than integer 0 and 1: 1")


def test_labels_of_one_class_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    evidence = replace(world.evidence(good, poor), labels=np.zeros(len(ALL)))
    assert refused(decide(evidence, POLICY), "different labels: 1")


def test_test_days_that_have_not_matured_by_the_decision_day_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    evidence = world.evidence(good, poor)
    early = replace(evidence, as_of=evidence.as_of - timedelta(2))
    assert refused(decide(early, POLICY), f"test rows not matured: {2 * ENTITIES}")
    assert refused(
        decide(replace(evidence, horizon_days=17), POLICY),
        f"test rows not matured: {3 * ENTITIES}",
    )


@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_rows_whose_labels_a_model_has_learned_from_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored, who: str
) -> None:
    models = {"candidate": good, "champion": poor}
    until = world.keys.day.min().item() + timedelta(3)
    models[who] = replace(models[who], learned=Learned(until))
    verdict = decide(world.evidence(**models), POLICY)
    assert refused(verdict, f"{SHOWN[who]}: test rows it has seen: {3 * ENTITIES}")


def test_in_a_split_by_entity_only_rows_of_learned_entities_count_as_seen(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    later = world.keys.day.max().item() + timedelta(14)
    others = replace(good, learned=Learned(later, frozenset({"z1", "z2"})))
    assert decide(world.evidence(others, poor), POLICY).promote
    one = replace(good, learned=Learned(later, frozenset({"z1", "c007"})))
    assert refused(decide(world.evidence(one, poor), POLICY), f"has seen: {DAYS}")


def test_a_model_that_does_not_say_what_it_learned_from_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    unknown = replace(poor, learned=None)
    verdict = decide(world.evidence(good, unknown), POLICY)
    assert refused(verdict, "champion: test rows it has seen: missing")


def test_without_any_candidate_nothing_is_compared(
    refused: Refused, world: Any, poor: Scored
) -> None:
    assert refused(decide(world.contest({}, poor), POLICY), "candidates: 0")


def test_one_broken_candidate_of_several_refuses_them_all(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    verdict = decide(world.contest({"window": good, "recent": None}, poor), POLICY)
    assert refused(verdict, "candidate recent is there: 0")


ROW = st.integers(0, DAYS * ENTITIES - 1)
FAULTS = {
    "swapped": lambda s, i, j: _rows(s, _swapped(i, j)),
    "missing": lambda s, i, j: _rows(s, np.delete(ALL, i)),
    "duplicated": lambda s, i, j: _rows(s, np.insert(ALL, j, i)),
    "NaN": lambda s, i, j: replace(s, predictions=_set(s.predictions, i, np.nan)),
}


def _swapped(i: int, j: int) -> Any:
    index = ALL.copy()
    index[[i, j]] = index[[j, i]]
    return index


def _set(values: Any, i: int, value: float) -> Any:
    copied = values.copy()
    copied[i] = value
    return copied


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FAULTS)), st.sampled_from(["candidate", "champion"]), ROW, ROW)
def test_no_swapped_missing_duplicated_or_nan_row_is_ever_promoted(
    world: Any, good: Scored, poor: Scored, fault: str, who: str, i: int, j: int
) -> None:
    assume(i != j)
    models = {"candidate": good, "champion": poor}
    models[who] = FAULTS[fault](models[who], i, j)
    verdict = decide(world.evidence(**models), POLICY)
    assert not verdict.promote
    assert verdict.gain is None


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, DAYS * ENTITIES - 1), st.booleans())
def test_no_partly_matured_row_is_ever_promoted(
    world: Any, good: Scored, poor: Scored, days_early: int, row: int, labelled: bool
) -> None:
    """A day that matures after the decision, or a label that is not there yet."""
    evidence = world.evidence(good, poor)
    if labelled:
        evidence = replace(evidence, as_of=evidence.as_of - timedelta(days_early))
    else:
        evidence = replace(evidence, labels=_set(evidence.labels, row, np.nan))
    verdict = decide(evidence, POLICY)
    assert not verdict.promote
    assert verdict.gain is None
