import numpy as np
import pandas as pd
import pytest

from simulation.run import simulate
from simulation.shop import Drift

COLUMNS = ["invoice", "code", "name", "quantity", "time", "price", "customer", "country"]
NO_PRODUCTS = ["POST", "M", "DOT"]


@pytest.fixture(scope="module")
def larger(tmp_path_factory, shop):
    folder = tmp_path_factory.mktemp("larger")
    return simulate(folder / "landing", folder / "truth", shop(customers=2000))


@pytest.fixture(scope="module")
def lines(larger, lines_of):
    return lines_of(larger.dumps)


@pytest.fixture(scope="module")
def broken(lines):
    numbers = lines[["price", "quantity"]].apply(pd.to_numeric, errors="coerce")
    return (lines.fields != len(COLUMNS)) | numbers.isna().any(axis=1)


@pytest.fixture(scope="module")
def sound(lines, broken):
    whole = lines[~broken]
    return whole.assign(price=whole.price.astype(float), quantity=whole.quantity.astype(int))


def test_a_few_lines_are_broken_and_never_many_on_one_day(lines, broken):
    assert 0.0002 < broken.mean() < 0.003
    assert broken.groupby(lines.day).mean().max() <= 0.02


def test_broken_lines_lack_fields_or_numbers(lines, broken):
    assert set(lines.fields) == {5, 8, 9}
    assert lines.price[broken].eq("n/a").any()
    assert lines.quantity[broken].str.endswith(" pcs").any()


def test_the_dirt_has_the_shares_of_a_real_shop(sound):
    shares = {
        "no customer": ((sound.customer == "").mean(), 0.15, 0.23),
        "cancelled": (sound.invoice.str.startswith("C").mean(), 0.005, 0.03),
        "repeats": (sound.duplicated().mean(), 0.007, 0.015),
        "padded": ((sound.name != sound.name.str.strip()).mean(), 0.1, 0.3),
        "price zero": ((sound.price == 0).mean(), 0.002, 0.01),
        "no products": (sound.code.isin(NO_PRODUCTS).mean(), 0.002, 0.02),
    }
    assert {name: s for name, (s, low, high) in shares.items() if not low < s < high} == {}


def test_cancelled_invoices_have_negative_quantities(sound):
    cancelled = sound.invoice.str.startswith("C")
    assert (sound.quantity[cancelled] < 0).all()
    assert (sound.quantity[~cancelled & (sound.customer != "")] > 0).all()


def test_times_lie_on_the_files_day_and_in_opening_hours(sound):
    time = pd.to_datetime(sound.time, format="%Y-%m-%d %H:%M:%S")
    assert (time.dt.strftime("%Y-%m-%d") == sound.day).all()
    assert time.dt.hour.between(8, 17).all()


def test_the_dumps_hold_exactly_the_purchases_of_the_truth(sound, larger):
    products = sound[(sound.customer != "") & (sound.quantity > 0) & (sound.price > 0)]
    products = products[~products.code.isin(NO_PRODUCTS)]
    dumped = set(zip(products.customer, products.day, strict=True))
    truth = pd.read_parquet(larger.truth).query("days_since_purchase == 0")
    assert dumped == set(zip(truth.customer_id, truth.day.astype(str), strict=True))


def test_a_covariate_drift_raises_prices_and_baskets(simulated, read_dump):
    def mean_price_and_lines(drift):
        shop = simulated(drift)
        names = [p for p in sorted(shop.dumps.iterdir()) if p.name[:10] >= str(shop.drift_date)]
        rows = [r for path in names for r in read_dump(path)[1:] if len(r) == 8 and r[5] != "n/a"]
        return np.mean([float(r[5]) for r in rows]), len(rows) / len({r[0] for r in rows})

    plain, drifted = mean_price_and_lines(Drift.none), mean_price_and_lines(Drift.covariate)
    assert drifted[0] > 1.1 * plain[0]
    assert drifted[1] > 1.1 * plain[1]
