"""Synthetic customers with a known rule, shared by the tests of training, splits and the gate."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from ml.schema import Schema

START = date(2024, 1, 1)
COUNTRIES = ("DE", "FR", "GB", None)


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


@pytest.fixture
def customers() -> Callable[..., pa.Table]:
    return make_customers


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema.of(
        make_customers(2, 1).schema, entity="customer_id", time="as_of", label="repurchased"
    )
