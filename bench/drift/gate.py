"""How often the gate promotes a materially worse model, and how often it sees a better one.

    python -m bench.drift.gate [--seed 1]

The production gate, splits and bootstrap judge four simulated candidates per decision, in both
lanes, on rows that have matured. Afterwards each promoted model is compared with the champion on
a large fresh sample. Materially worse is a log loss at least 1 % above, one-sided p < .05.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import typer

from bench.drift.shops import HORIZON, Rows, models, simulate, true_weights, worse_by
from bench.results import DRIFT_RESULTS
from ml import splits
from ml.evidence import Evidence, Learned, Scored
from ml.gate import decide
from ml.recipes import NAMES, Recipe
from ml.schema import Schema
from ml.verdict import GatePolicy

AS_OF = date(2024, 6, 1)
WINDOWS = splits.Windows(horizon_days=HORIZON)
RECIPE = Recipe("window", 180, 7)
SCHEMA = Schema("entity", "day", "label", ("x",), ())
ALARM_DAYS = 7  # that have matured since the change when a candidate is first judged
FRESH_DAYS, FRESH_ENTITIES = 250, 400
SURE = 1.645
MATERIAL = 0.01


@dataclass(frozen=True)
class Scenario:
    """How much better than the champion the candidates of a decision truly are, as shares."""

    name: str
    gains: tuple[tuple[float, ...], ...]  # of one decision after the other, again and again
    decisions: int


SCENARIOS = (
    Scenario("all equal", ((0.0,) * 4,), 150),
    Scenario("all 1 to 2 % worse", ((-0.01, -0.0125, -0.015, -0.02),), 150),
    Scenario("from 3 % worse to equal", ((-0.03, -0.02, -0.01, 0.0),), 100),
    Scenario("from 3 % worse to 1 % better", ((-0.03, -0.015, 0.0, 0.01),), 100),
    Scenario("one 2 % better, others equal", ((0.02, 0.0, 0.0, 0.0),), 100),
    Scenario("one 4 % better, others equal", ((0.04, 0.0, 0.0, 0.0),), 100),
)


@dataclass
class Count:
    """What became of a scenario's decisions in one lane and one size of shop."""

    scenario: str
    lane: Literal["normal", "alarm"]
    customers: int
    decisions: int = 0
    promoted: int = 0
    worse: int = 0  # promoted although materially worse
    not_sound: int = 0  # refused before anything was compared: must stay 0


def main(
    seed: Annotated[int, typer.Option()] = 1,
    share: Annotated[float, typer.Option(help="Of the decisions, for a quick look.")] = 1.0,
) -> None:
    """Run every scenario and keep the counts."""
    DRIFT_RESULTS.keep("gate", [asdict(count) for count in measured(seed, share)])


def measured(seed: int, share: float) -> Iterator[Count]:
    """Count verdicts; the decisions of a scenario are spread over lanes and sizes."""
    places: tuple[tuple[Literal["normal", "alarm"], int], ...] = (
        ("normal", 800), ("normal", 3000), ("alarm", 800), ("alarm", 3000),
    )  # fmt: skip
    for number, scenario in enumerate(SCENARIOS):
        for place, (lane, customers) in enumerate(places):
            count = Count(scenario.name, lane, customers)
            for n in range(round(scenario.decisions * share / len(places))):
                rng = np.random.default_rng([seed, number, place, n])
                judge(rng, scenario.gains[n % len(scenario.gains)], count)
            yield count


def judge(rng: np.random.Generator, gains: tuple[float, ...], count: Count) -> None:
    """Simulate one decision, let the gate decide, and look at what it has promoted."""
    weights = true_weights(rng)
    fresh = simulate(rng, weights, FRESH_ENTITIES, FRESH_DAYS, apart=True)
    champion, candidates = models(rng, weights, fresh, gains)
    verdict = decide(evidence(rng, weights, champion, candidates, count), GatePolicy())
    count.decisions += 1
    count.not_sound += verdict.gain is None
    if verdict.promote:
        chosen = candidates[NAMES.index(verdict.candidate)]
        share, z = worse_by(fresh, chosen.predict(fresh), champion.predict(fresh))
        count.promoted += 1
        count.worse += share >= MATERIAL and z > SURE


def evidence(rng, weights, champion, candidates, count: Count) -> Evidence:
    """Simulate the days that the lane's split asks for, and score its test rows."""
    since = AS_OF - timedelta(HORIZON + ALARM_DAYS - 1)
    if count.lane == "alarm":
        split = splits.alarm(AS_OF, WINDOWS, RECIPE, since)
    else:
        split = splits.normal(AS_OF, WINDOWS, RECIPE)
    first = split.test_days[0]
    rows = simulate(rng, weights, count.customers, len(split.test_days))
    parts = split.parts(as_table(rows, first), SCHEMA)
    kept = parts.test["row"].to_numpy()

    def scored(model, learned: Learned) -> Scored:
        return Scored.of(parts.test, SCHEMA, model.predict(rows)[kept], learned)

    names = set(as_table(rows, first)["entity"].to_pylist())
    others = frozenset(names - set(parts.test["entity"].to_pylist()))
    learned = Learned(AS_OF, others) if count.lane == "alarm" else Learned(first)
    return Evidence.of(
        parts.test,
        SCHEMA,
        as_of=AS_OF,
        horizon_days=HORIZON,
        candidates={n: scored(c, learned) for n, c in zip(NAMES, candidates, strict=True)},
        champion=scored(champion, Learned(first)),
        first=False,
        reload_differences=dict.fromkeys(NAMES, 0.0),
        baselines={},
    )


def as_table(rows: Rows, first: date) -> pa.Table:
    """Rows as the splits read them; `row` is their place."""
    days = np.datetime64(first) + rows.day.astype("timedelta64[D]")
    return pa.table(
        {
            "entity": [f"c{n}" for n in rows.entity],
            "day": pa.array(days, pa.date32()),
            "label": rows.labels,
            "x": rows.features[:, 0],
            "row": np.arange(len(rows.labels)),
        }
    )


if __name__ == "__main__":
    typer.run(main)
