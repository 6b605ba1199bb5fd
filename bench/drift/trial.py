"""How often the trial's rule takes back a champion that is no worse, and one that is.

`python -m bench.drift.trial`: seeded. Customers buy on days of their own rate, shops have good and
bad weeks, a label says whether one buys within the next 14 days: neighbouring days share nearly all
of it. Two models err for each customer in their own way, and drift around the truth for days.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

import numpy as np
import typer

from bench.results import DRIFT_RESULTS
from ml.task import BINARY, Floats
from ml.trial import Differences, Trial, look, rule

FIRST, HORIZON = date(2024, 3, 1), 14
TRIAL = Trial(FIRST, 14, HORIZON)
PERSIST = 0.9  # of a model's and a shop's mood from day to day


def moods(rng: np.random.Generator, days: int, sd: float) -> Floats:
    """Return a mean-reverting walk of standard deviation `sd`, shape [days]."""
    steps = rng.normal(0, sd * (1 - PERSIST**2) ** 0.5, days)
    walk = [rng.normal(0, sd)]
    for step in steps[1:]:
        walk.append(PERSIST * walk[-1] + step)
    return np.array(walk)


def trial(seed: int, entities: int, wander: float, worse: float) -> Differences:
    """Simulate one trial: `worse` is the new model's additional error, in log odds."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 0.06, entities)
    shop = np.exp(moods(rng, TRIAL.days + HORIZON, 0.2))
    bought = rng.random((TRIAL.days + HORIZON, entities)) < 1 - np.exp(-np.outer(shop, rate))
    span = np.arange(TRIAL.days)
    label = np.array([bought[d + 1 : d + 1 + HORIZON].any(axis=0) for d in span]).astype(float)
    chance = np.array([1 - np.exp(-rate * HORIZON) for _ in span])
    odds = np.log(chance / (1 - chance))
    losses = []
    for more in (worse, 0.0):
        error = rng.normal(0, (0.3**2 + more**2) ** 0.5, entities) + rng.normal(0, 0.1, odds.shape)
        bias = moods(rng, TRIAL.days, wander)[:, None]
        predicted = 1 / (1 + np.exp(-(odds + error + bias)))
        losses.append(BINARY.losses(label.ravel(), predicted.ravel()))
    day = np.repeat(np.datetime64(FIRST) + span, entities)
    return Differences(day, np.tile(np.arange(entities), TRIAL.days), losses[0] - losses[1])


def rules(found: Differences, seed: int) -> dict[str, bool]:
    """Return what each way to look would do."""
    every = [FIRST + timedelta(n) for n in range(6, TRIAL.days)]
    single = replace(TRIAL)
    return {
        "two looks (production)": rule(TRIAL, TRIAL.end, found, [], seed=seed).go_back,
        "every day from the 7th, 95 %": any(
            look(single, last, found, 0.05, seed).is_worse for last in every
        ),
        "the 14th day only, 95 %": look(single, every[-1], found, 0.05, seed).is_worse,
    }


def main(
    trials: Annotated[int, typer.Option(help="simulated trials of each kind")] = 200,
    entities: Annotated[int, typer.Option(help="customers a day")] = 400,
) -> None:
    """Keep the share of trials that end with a rollback."""
    kinds = {
        "equal, steady": (0.0, 0.0),
        "equal, each drifts by 0.15": (0.15, 0.0),
        "worse by 0.4": (0.0, 0.4),
        "worse by 0.8": (0.0, 0.8),
    }
    shares = {}
    for name, (wander, worse) in kinds.items():
        found = [trial(seed, entities, wander, worse) for seed in range(trials)]
        verdicts = [rules(each, seed) for seed, each in enumerate(found)]
        shares[name] = {
            "rules": {key: float(np.mean([v[key] for v in verdicts])) for key in verdicts[0]},
            "added": float(np.mean([each.worse.mean() for each in found])),
        }
    DRIFT_RESULTS.keep("trial", {"trials": trials, "customers": entities, "shares": shares})


if __name__ == "__main__":
    typer.run(main)
