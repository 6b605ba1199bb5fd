"""Synthetic rows with a known rule, shared by the tests of training, splits and the gate."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from ml.evidence import Evidence, Keys, Learned, Scored
from ml.schema import Schema
from ml.verdict import Verdict

START = date(2024, 1, 1)
COUNTRIES = ("DE", "FR", "GB", None)
GATE_DAYS, GATE_ENTITIES = 14, 400
GATE_FIRST, GATE_AS_OF, GATE_HORIZON = date(2024, 3, 1), date(2024, 3, 28), 14
BEFORE_THE_TEST = Learned(until=GATE_FIRST)


def make_customers(entities: int = 300, days: int = 20, seed: int = 1) -> pa.Table:
    """Rows sorted by (as_of, customer_id); label 1 is likelier with visits and for GB."""
    rng = np.random.default_rng(seed)
    rows = entities * days
    visits = rng.poisson(3, rows)
    spend = rng.lognormal(3, 1, rows)
    country = rng.integers(len(COUNTRIES), size=rows)
    log_odds = -2.0 + 0.9 * np.abs(visits - 3) + 0.3 * np.log(spend) - 1.5 * (country == 2)
    label = rng.random(rows) < 1 / (1 + np.exp(-log_odds))
    return pa.table(
        {
            "customer_id": [f"c{i:04d}" for _ in range(days) for i in range(entities)],
            "as_of": [START + timedelta(d) for d in range(days) for _ in range(entities)],
            "visits": pa.array(visits, pa.int32()),
            "spend": pa.array(spend, mask=rng.random(rows) < 0.1),
            "price": pa.array([Decimal(int(p)) / 100 for p in rng.integers(1, 999, rows)]),
            "member": rng.random(rows) < 0.5,
            "all_null": pa.nulls(rows, pa.float64()),
            "constant": np.ones(rows),
            "country": [COUNTRIES[c] for c in country],
            "repurchased": pa.array(label.astype(int), pa.int32()),
        }
    )


@pytest.fixture(scope="session")
def customers() -> Callable[..., pa.Table]:
    return make_customers


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema.of(
        make_customers(2, 1).schema, entity="customer_id", time="as_of", label="repurchased"
    )


class GateWorld:
    """Matured rows with known true probabilities, and models that see them more or less well."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        rng = np.random.default_rng(seed)
        entity = np.array([f"c{i:03d}" for i in range(GATE_ENTITIES)])
        days = np.datetime64(GATE_FIRST) + np.arange(GATE_DAYS)
        self.keys = Keys(np.tile(entity, GATE_DAYS), np.repeat(days, GATE_ENTITIES))
        self.log_odds = np.tile(rng.normal(-1.5, 1.2, GATE_ENTITIES), GATE_DAYS)
        happened = rng.random(GATE_DAYS * GATE_ENTITIES) < expit(self.log_odds)
        self.labels = happened.astype(float)
        self.country = np.where(np.char.endswith(self.keys.entity, "7"), "FR", "GB")

    def model(self, blur: float, seed: int = 0) -> Scored:
        """A model whose log-odds are off by normal noise with standard deviation `blur`."""
        noise = np.random.default_rng([self.seed, seed]).normal(0, blur, len(self.labels))
        return self.scored(expit(self.log_odds + noise))

    def scored(self, predictions: np.ndarray) -> Scored:
        return Scored(self.keys, predictions, BEFORE_THE_TEST)

    def evidence(self, candidate: Scored | None, champion: Scored | None) -> Evidence:
        return self.contest({"window": candidate}, champion)

    def contest(self, candidates: Mapping[str, Scored | None], champion: Scored | None) -> Evidence:
        return Evidence(
            GATE_AS_OF,
            GATE_HORIZON,
            self.keys,
            self.labels,
            candidates,
            champion,
            first=False,
            reload_differences=dict.fromkeys(candidates, 0.0),
            slices={"country": self.country},
        )


@pytest.fixture(scope="session")
def make_world() -> Callable[[int], GateWorld]:
    return GateWorld


@pytest.fixture(scope="session")
def world() -> GateWorld:
    return GateWorld(seed=1)


@pytest.fixture(scope="session")
def good(world: GateWorld) -> Scored:
    return world.model(0.2)


@pytest.fixture(scope="session")
def poor(world: GateWorld) -> Scored:
    return world.model(1.0)


@pytest.fixture(scope="session")
def refused() -> Callable[..., bool]:
    """Not promoted, and every expected text stands in a reason that gives value and limit."""

    def check(verdict: Verdict, *expected: str) -> bool:
        told = all(any(text in reason for reason in verdict.reasons) for text in expected)
        limits = all("(limit" in reason for reason in verdict.reasons)
        return not verdict.promote and told and limits

    return check
