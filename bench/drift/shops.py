"""Simulated shops and models whose true quality is known, for judging the gate.

Customers repeat from day to day with features that move slowly; two neighbouring days share most of
what settles their labels, as overlapping horizons do; a common shock of each day, which no model
sees, is correlated over time. So rows are anything but independent. A model is the truth with wrong
weights and a wrong level, and how wrong is scaled to a wanted log loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from ml.task import BINARY, Floats

FEATURES = 8
HORIZON = 14
BASE, SIGNAL = -1.0, 1.2  # log-odds of an average row, and how much features move them
FRAILTY, SHOCK = 0.5, 0.25  # what no model sees: of an entity, of a day
STAYS = 1 - 1 / HORIZON  # correlation of neighbouring days
CHAMPION_EXCESS = 0.06  # share of the best possible log loss that the champion is above it
# Correlation of a candidate's errors with the champion's: their predictions then differ by 0.2 of a
# standard deviation, as those of models do that are trained weeks apart (`ml.gate.refit_agrees`).
ALIKE = 0.85


@dataclass(frozen=True)
class Rows:
    """Features [rows, FEATURES], day and entity numbers, true probabilities and labels [rows]."""

    features: Floats
    day: Floats
    entity: Floats
    chance: Floats
    labels: Floats


@dataclass(frozen=True)
class Model:
    """Log-odds that are off by a linear function of the features, and by a level."""

    weights: Floats
    wrong: Floats  # [FEATURES + 1], the last one is the level

    def predict(self, rows: Rows) -> Floats:
        """Probabilities, shape [rows]."""
        off = rows.features @ self.wrong[:-1] + self.wrong[-1]
        return expit(BASE + rows.features @ self.weights + off)


def simulate(
    rng: np.random.Generator, weights: Floats, entities: int, days: int, *, apart: bool = False
) -> Rows:
    """Rows of every entity on every day, by day; `apart` makes days independent of each other."""
    stays = 0.0 if apart else STAYS
    moving = _walk(rng, (days, entities, FEATURES), stays)
    shocks = SHOCK * _walk(rng, (days, 1), stays)
    frailty = FRAILTY * rng.normal(size=(days if apart else 1, entities))
    log_odds = BASE + moving @ weights + frailty + shocks
    settled = _walk(rng, (days, entities), stays)
    chance = expit(log_odds)
    return Rows(
        moving.reshape(-1, FEATURES),
        np.repeat(np.arange(days), entities),
        np.tile(np.arange(entities), days),
        chance.ravel(),
        (settled < ndtri(chance)).astype(float).ravel(),
    )


def true_weights(rng: np.random.Generator) -> Floats:
    """Weights of one shop."""
    drawn = rng.normal(size=FEATURES)
    return SIGNAL * drawn / np.linalg.norm(drawn)


def models(
    rng: np.random.Generator, weights: Floats, fresh: Rows, gains: Sequence[float]
) -> tuple[Model, list[Model]]:
    """A champion, and a candidate for each of `gains`: the share of its log loss that it saves.

    For small errors the loss above the best possible one grows with their square, which gives the
    scale; what it came to is measured by `worse_by`.
    """
    best = expected_loss(fresh, Model(weights, np.zeros(FEATURES + 1)).predict(fresh))
    champion_loss = best * (1 + CHAMPION_EXCESS)

    common = rng.normal(size=FEATURES + 1)

    def scaled(loss: float, alike: float) -> Model:
        own = rng.normal(size=FEATURES + 1)
        wrong = 0.25 * (alike * common + np.sqrt(1 - alike**2) * own)
        excess = expected_loss(fresh, Model(weights, wrong).predict(fresh)) - best
        return Model(weights, wrong * np.sqrt(max(loss - best, 0) / excess))

    candidates = [scaled(champion_loss * (1 - gain), ALIKE) for gain in gains]
    return scaled(champion_loss, 1.0), candidates


def expected_loss(rows: Rows, predictions: Floats) -> float:
    """Mean log loss over all labels that the true chances allow."""
    ones, zeros = np.ones(len(predictions)), np.zeros(len(predictions))
    bought, not_bought = BINARY.losses(ones, predictions), BINARY.losses(zeros, predictions)
    return float((rows.chance * bought + (1 - rows.chance) * not_bought).mean())


def worse_by(fresh: Rows, candidate: Floats, champion: Floats) -> tuple[float, float]:
    """The candidate's loss above the champion's, as a share, and z of the paired difference.

    Days of `fresh` are independent, so a day is the unit.
    """
    theirs = BINARY.losses(fresh.labels, champion)
    difference = BINARY.losses(fresh.labels, candidate) - theirs
    daily = np.bincount(fresh.day, difference) / np.bincount(fresh.day)
    error = daily.std(ddof=1) / np.sqrt(len(daily))
    return float(difference.mean() / theirs.mean()), float(daily.mean() / error)


def _walk(rng: np.random.Generator, shape: tuple[int, ...], stays: float) -> Floats:
    """Standard normal values that are correlated along the first axis (AR(1))."""
    values = rng.normal(size=shape)
    for n in range(1, shape[0]):
        values[n] = stays * values[n - 1] + np.sqrt(1 - stays**2) * values[n]
    return values
