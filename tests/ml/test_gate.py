"""The gate promotes what is better and refuses everything else, each time with a reason."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from ml.evidence import Evidence, Scored
from ml.gate import best, decide, refit_agrees
from ml.task import BINARY
from ml.verdict import GatePolicy

POLICY = GatePolicy()
Refused = Callable[..., bool]


def test_a_truly_better_candidate_is_promoted(world: Any, good: Scored, poor: Scored) -> None:
    verdict = decide(world.evidence(good, poor), POLICY)
    assert verdict.promote
    assert verdict.reference == "champion"
    assert verdict.gain is not None
    assert verdict.gain > 0.05
    assert verdict.lower_bound is not None
    assert verdict.lower_bound > 0
    assert all(check.passed for check in verdict.checks)


def test_the_two_swapped_are_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    verdict = decide(world.evidence(poor, good), POLICY)
    assert refused(verdict, "gain over champion: -0.", "lower bound over champion", "GB")


def test_an_equal_candidate_is_refused(refused: Refused, world: Any, good: Scored) -> None:
    assert refused(decide(world.evidence(good, good), POLICY), "gain over champion: 0 ")


def test_a_gain_below_the_limit_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    verdict = decide(world.evidence(good, poor), replace(POLICY, min_gain=0.9))
    assert refused(verdict, "(limit >= 0.9)")


def test_equally_noisy_candidates_are_seldom_promoted(make_world: Callable[[int], Any]) -> None:
    worlds = [make_world(seed) for seed in range(10)]
    promoted = sum(
        decide(w.evidence(w.model(0.5, 1), w.model(0.5, 2)), POLICY).promote for w in worlds
    )
    assert promoted <= 0.4 * len(worlds)


def test_the_same_evidence_gives_the_same_verdict(world: Any, good: Scored, poor: Scored) -> None:
    evidence = world.evidence(good, poor)
    assert decide(evidence, POLICY) == decide(evidence, POLICY)


def test_the_best_of_several_candidates_is_judged(world: Any, good: Scored, poor: Scored) -> None:
    candidates = {"window": world.model(0.5), "recent": good, "fading": poor}
    verdict = decide(world.contest(candidates, poor), POLICY)
    assert verdict.promote
    assert verdict.candidate == "recent"
    assert verdict.reasons[0].startswith("recipe recent: log loss")
    assert verdict.gain == decide(world.evidence(good, poor), POLICY).gain


def test_more_candidates_ask_for_a_higher_bound(world: Any, good: Scored, poor: Scored) -> None:
    names = ("window", "fading", "recent", "change")
    one = decide(world.evidence(good, poor), POLICY).lower_bound
    four = decide(world.contest(dict.fromkeys(names, good), poor), POLICY).lower_bound
    assert one is not None
    assert four is not None
    assert four < one


def test_only_the_best_has_to_be_reloaded_and_it_has_to(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    contest = world.contest({"window": world.model(0.5), "recent": good}, poor)
    assert decide(replace(contest, reload_differences={"recent": 0.0}), POLICY).promote
    other = decide(replace(contest, reload_differences={"window": 0.0}), POLICY)
    assert refused(other, "difference after reload: missing")


def test_a_candidate_whose_loss_is_no_number_is_never_the_best() -> None:
    labels = np.array([0.0, 1.0])
    broken, fair = np.array([np.nan, 0.9]), np.array([0.5, 0.5])
    assert best(BINARY, labels, {"window": broken, "recent": fair}) == "recent"


def test_a_gain_that_costs_one_slice_is_refused(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    in_slice = world.country == "FR"
    broken = np.where(in_slice, 1 - good.predictions, good.predictions)
    verdict = decide(world.evidence(replace(good, predictions=broken), poor), POLICY)
    assert refused(verdict, "loss growth where country is FR")


def test_a_slice_with_too_few_rows_is_told_but_judges_nothing(
    world: Any, good: Scored, poor: Scored
) -> None:
    country = np.where(np.char.startswith(world.keys.entity, "c00"), "FR", "GB")
    evidence = replace(world.evidence(good, poor), slices={"country": country})
    verdict = decide(evidence, POLICY)
    assert verdict.promote
    small = [check for check in verdict.checks if check.name == "slices too small to judge"]
    assert [check.value for check in small] == [1.0]


def test_a_better_ranking_with_worse_calibration_is_refused(refused: Refused, world: Any) -> None:
    steady = np.full(len(world.labels), world.labels.mean())
    keen = expit(world.log_odds + 0.6)
    evidence = world.evidence(world.scored(keen), world.scored(steady))
    assert refused(decide(evidence, POLICY), "growth of the calibration error")


def test_a_level_that_fits_does_not_hide_that_rows_are_told_apart_worse(
    refused: Refused, world: Any
) -> None:
    champion = world.scored(expit(world.log_odds + 0.9))
    candidate = world.model(0.5)
    verdict = decide(world.evidence(candidate, champion), POLICY)
    assert verdict.gain is not None
    assert verdict.gain > 0.02
    assert refused(verdict, "gain over champion at the same level: -0.0")


def test_a_candidate_that_only_corrects_the_level_is_promoted(world: Any) -> None:
    champion = world.scored(expit(world.log_odds + 0.9))
    assert decide(world.evidence(world.scored(expit(world.log_odds)), champion), POLICY).promote


def first(world: Any, candidate: Scored, **baselines: Scored) -> Evidence:
    evidence = world.evidence(candidate, None)
    return replace(evidence, first=True, baselines=baselines)


def test_the_first_model_must_beat_base_rate_and_logistic_regression(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    rate = replace(poor, predictions=np.full(len(world.labels), world.labels.mean()))
    verdict = decide(first(world, good, base_rate=rate, logistic=poor), POLICY)
    assert verdict.promote
    assert verdict.reference in ("base_rate", "logistic")
    swapped = decide(first(world, poor, base_rate=rate, logistic=good), POLICY)
    assert refused(swapped, "gain over logistic")
    assert refused(decide(first(world, rate, base_rate=rate, logistic=poor), POLICY), "base_rate")


def test_a_first_model_without_its_baselines_is_refused(
    refused: Refused, world: Any, good: Scored
) -> None:
    verdict = decide(first(world, good, base_rate=good), POLICY)
    assert refused(verdict, "logistic is there: 0")


def test_a_champion_that_exists_must_be_beaten_by_a_model_called_first(
    refused: Refused, world: Any, good: Scored, poor: Scored
) -> None:
    evidence = first(world, poor, base_rate=world.model(3.0), logistic=world.model(3.0))
    verdict = decide(replace(evidence, champion=good), POLICY)
    assert refused(verdict, "gain over champion")


def test_a_refit_that_predicts_nearly_the_same_agrees(good: Scored) -> None:
    assert refit_agrees(BINARY, good.predictions, good.predictions + 0.01).passed


@pytest.mark.parametrize("change", [lambda p: 1 - p, lambda p: p * np.nan, lambda p: p[1:]])
def test_a_refit_that_left_the_gated_model_is_stopped(good: Scored, change: Any) -> None:
    assert not refit_agrees(BINARY, good.predictions, change(good.predictions)).passed
