import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simulation.shop import Drift, Shop
from simulation.truth import Truth
from simulation.world import World

HORIZON = 14


def truth_of(drift):
    shop = Shop(days=196, customers=1500, seed=11, drift=drift, at=98)
    truth = Truth(shop.days, shop.horizon)
    for day in World(shop).simulate_days():
        truth.add(day)
    return shop, truth.table()


@pytest.fixture(scope="module")
def plain():
    return truth_of(Drift.none)


@pytest.fixture(scope="module")
def concept():
    return truth_of(Drift.concept)


def active(table):
    return table[table.days_since_purchase <= 90]


def log_loss(bought, probability):
    return -np.log(np.where(bought, probability, 1 - probability)).mean()


def day_number(shop, table):
    return (table.day - pd.Timestamp(shop.start)).dt.days


@pytest.mark.parametrize("world", ["plain", "concept"])
def test_probabilities_within_the_horizon_match_what_happened_by_decile(world, request):
    shop, table = request.getfixturevalue(world)
    apart = active(table)[day_number(shop, active(table)) % HORIZON == 0]  # windows do not overlap
    decile = pd.qcut(apart.probability_14d, 10, labels=False)
    for _, rows in apart.groupby(decile):
        p = rows.probability_14d
        error = rows.bought_within_14d.mean() - p.mean()
        assert abs(error) < 4 * np.sqrt((p * (1 - p)).sum()) / len(rows)


@pytest.mark.parametrize("world", ["plain", "concept"])
def test_daily_probabilities_match_the_number_of_purchases(world, request):
    _, table = request.getfixturevalue(world)
    known = table.dropna(subset="probability")
    p, bought = known.probability, (known.days_since_purchase == 0).sum()
    assert abs(bought - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_the_label_says_whether_the_same_customer_buys_in_the_coming_days(plain):
    _, table = plain
    bought = table[(table.days_since_purchase == 0)].groupby("customer_id").day.agg(list)
    last = table.day.max() - pd.Timedelta(days=HORIZON)
    for row in table[table.day <= last].sample(500, random_state=0).itertuples():
        end = row.day + pd.Timedelta(days=HORIZON)
        again = any(row.day < day <= end for day in bought.get(row.customer_id, []))
        assert row.bought_within_14d == again


def test_the_world_is_learnable_and_not_trivial(plain):
    _, table = plain
    rows = active(table)
    rate = rows.bought_within_14d.mean()
    base = log_loss(rows.bought_within_14d, rate)
    assert 0.3 < rate < 0.45
    assert 0.1 < base - log_loss(rows.bought_within_14d, rows.probability_14d) < 0.2


def test_without_a_drift_the_rate_has_no_trend(plain):
    shop, table = plain
    week = day_number(shop, active(table)) // 7
    rate = active(table).groupby(week).probability_14d.mean()
    per_100_days = np.polyfit(7 * rate.index / 100, rate, 1)[0]
    assert abs(per_100_days) < 0.02
    assert rate.std() < 0.02


def rhythm(table):
    """What the dumps show of each row's rhythm: recency, gaps seen, their mean and the ratio."""
    purchases = table[table.days_since_purchase == 0]
    gap = purchases.groupby("customer_id").day.diff().dt.days.reindex(table.index)
    seen = gap.notna().groupby(table.customer_id).cumsum()
    mean = gap.fillna(0).groupby(table.customer_id).cumsum() / seen.clip(lower=1)
    recency = table.days_since_purchase
    return pd.DataFrame({"recency": recency, "seen": seen, "mean": mean, "late": recency / mean})


def test_trees_predict_better_than_a_linear_model(plain):
    shop, table = plain
    columns = rhythm(table)
    number, chosen = day_number(shop, table), (columns.seen > 0) & (table.days_since_purchase <= 90)
    train = chosen & number.between(98, 140) & (number % 7 == 0)
    test = chosen & number.between(155, 190) & (number % 7 == 0)
    bought = table.bought_within_14d
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    trees = LGBMClassifier(
        n_estimators=100, num_leaves=15, learning_rate=0.05, n_jobs=1, verbose=-1
    )
    losses = [
        log_loss(
            bought[test], m.fit(columns[train], bought[train]).predict_proba(columns[test])[:, 1]
        )
        for m in (linear, trees)
    ]
    assert losses[1] < 0.985 * losses[0]


def test_what_was_true_before_a_concept_drift_predicts_badly_ever_after(concept):
    shop, table = concept
    rows = active(table)[day_number(shop, active(table)) >= shop.drift_day]
    for _, span in rows.groupby(day_number(shop, rows) // HORIZON):
        old = log_loss(span.bought_within_14d, span.probability_14d_before_drift)
        assert old > 1.2 * log_loss(span.bought_within_14d, span.probability_14d)


def test_a_concept_drift_is_felt_as_soon_as_it_lies_within_the_horizon(concept):
    shop, table = concept
    differs = table[table.probability_14d != table.probability_14d_before_drift]
    assert day_number(shop, differs).min() == shop.drift_day - HORIZON


def test_a_covariate_drift_keeps_the_purchase_function():
    _, table = truth_of(Drift.covariate)
    assert (table.probability_14d == table.probability_14d_before_drift).all()
