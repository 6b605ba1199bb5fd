"""A rule that turns around, replayed: production's policy follows it, a schedule in its time."""

import json
from dataclasses import asdict, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.special import expit

from ml.errors import ReplayError
from ml.incident import Finding
from ml.replay.adaptive import Adaptive
from ml.replay.page import page
from ml.replay.plan import Plan
from ml.replay.replay import replay, run, span
from ml.replay.table import HEADINGS, rows, to_dict
from ml.replay.world import World
from ml.schema import Schema
from ml.sketch import DAILY, sketch_table
from ml.splits import Windows
from ml.tabular import TrainConfig
from ml.verdict import GatePolicy

FIRST, FLIP, LAST = date(2024, 1, 1), date(2024, 3, 25), date(2024, 5, 5)
CUSTOMERS, HORIZON = 800, 5
ONE_DAY = timedelta(days=1)
PLAN = Plan(
    windows=Windows(HORIZON, test_days=7, recent_days=14),
    estimator="small",
    config=TrainConfig(seed=3),
    recipes=("window", "change"),
    window_days=90,
    every_days=2,
    min_rows=8000,
    gate=GatePolicy(min_rows=300, seed=3),
)


@pytest.fixture(scope="module")
def world() -> World:
    """On FLIP the label's rule turns around; the features stay as they are."""
    rng = np.random.default_rng(5)
    span = [FIRST + n * ONE_DAY for n in range((LAST - FIRST).days + 1)]
    days = np.repeat(np.array(span, "datetime64[D]"), CUSTOMERS)
    visits = rng.poisson(3, len(days))
    turned = np.where(days >= np.datetime64(FLIP), -1, 1)
    table = pa.table(
        {
            "customer_id": np.tile([f"c{n:03}" for n in range(CUSTOMERS)], len(span)),
            "as_of": days,
            "visits": visits,
            "spend": rng.normal(size=len(days)),
            "bought": (
                rng.random(len(days)) < expit(turned * (1.2 - 0.9 * np.abs(visits - 3)))
            ).astype(np.int32),
        }
    )
    features, labels = {}, {}
    for n, day in enumerate(span):
        part = table.slice(n * CUSTOMERS, CUSTOMERS)
        features[day] = sketch_table(part.select(["visits", "spend"]), DAILY)
        labels[day] = sketch_table(part.select(["bought"]), DAILY)
    schema = Schema("customer_id", "as_of", "bought", ("visits", "spend"), ())
    return World(table, schema, HORIZON, features, labels)


@pytest.fixture(scope="module")
def outcomes(world):
    return replay(world, PLAN, ("adaptive", "monthly", "never"), span(FIRST, LAST))


def test_production_follows_the_turn_and_a_model_that_is_left_alone_does_not(outcomes) -> None:
    adaptive, monthly, never = outcomes
    after = FLIP + 20 * ONE_DAY
    assert adaptive.mean_loss(after) < 0.9 * min(never.mean_loss(after), monthly.mean_loss(after))
    assert len(never.deployments) == 1
    assert never.trainings == []


def test_the_alarm_is_told_with_its_delay_and_confirmed_by_the_gate(outcomes) -> None:
    adaptive = outcomes[0]
    [alarm] = [a for a in adaptive.alarms if a.confirmed]
    assert alarm.check == "performance"
    assert FLIP + HORIZON * ONE_DAY <= alarm.day <= FLIP + (HORIZON + 4) * ONE_DAY
    assert adaptive.median_delay == (alarm.day - alarm.since).days
    deployed = [(t.as_of > FLIP, t.lane) for t in adaptive.trainings if t.deployed]
    assert set(deployed) == {(False, "normal"), (True, "alarm")}
    assert not any(d.is_worse for d in adaptive.deployments if d.as_of > FLIP)
    assert adaptive.incidents == []  # the new model's scores are not those of the one before


def test_every_policy_begins_with_the_model_that_the_gate_has_let_in(outcomes) -> None:
    assert len({outcome.days[0] for outcome in outcomes}) == 1
    assert len({outcome.deployments[0] for outcome in outcomes}) == 1


def test_the_same_history_is_replayed_the_same_way(world, outcomes) -> None:
    days = [FIRST + n * ONE_DAY for n in range(60)]
    again, before = run(world, PLAN, days, "adaptive"), outcomes[0]
    assert again.days == [day for day in before.days if day.day <= days[-1]]
    assert [replace(t, seconds=0) for t in again.trainings] == [
        replace(t, seconds=0) for t in before.trainings if t.as_of <= days[-1]
    ]


def test_no_label_is_looked_at_before_it_has_matured(world, outcomes) -> None:
    """Labels of days that have not matured by a day change nothing that was done until then."""
    until = FLIP + 12 * ONE_DAY
    days = [FIRST + n * ONE_DAY for n in range((until - FIRST).days + 1)]
    place = world.rows.column_names.index("bought")
    later = world.rows["as_of"].to_numpy() > np.datetime64(until - HORIZON * ONE_DAY)
    labels = np.where(later, 0, world.rows["bought"].to_numpy()).astype(np.int32)
    unknown = {d: s for d, s in world.labels.items() if d <= until - HORIZON * ONE_DAY}
    rows = world.rows.set_column(place, "bought", pa.array(labels))
    changed = replace(world, rows=rows, labels=unknown)
    found = run(changed, PLAN, days, "adaptive")
    assert [replace(t, seconds=0) for t in found.trainings] == [
        replace(t, seconds=0) for t in outcomes[0].trainings if t.as_of <= until
    ]
    assert [replace(a, confirmed=None) for a in found.alarms] == [
        replace(a, confirmed=None) for a in outcomes[0].alarms if a.day <= until
    ]
    matured = until - HORIZON * ONE_DAY
    assert [day for day in found.days if day.day <= matured] == [
        day for day in outcomes[0].days if day.day <= matured
    ]


def test_a_broken_day_is_an_incident_until_the_window_has_passed_it(world) -> None:
    day = FLIP - 20 * ONE_DAY
    finding = Finding("held delivery", None, f"{day} is held: reject rate", 1.0, 0.0)
    held = replace(world, findings={day: (finding,)})
    days = [FIRST + n * ONE_DAY for n in range((FLIP - FIRST).days)]
    found = run(held, PLAN, days, "adaptive")
    assert found.incidents == [day + n * ONE_DAY for n in range(PLAN.watch_days)]


def test_a_day_that_the_watch_finds_broken_teaches_nothing(world) -> None:
    """Spend in another unit on one day: an incident then, and never a training row."""
    day = FLIP - 20 * ONE_DAY
    place, (first, count) = world.rows.column_names.index("spend"), world.spans[day]
    spend = world.rows["spend"].to_numpy().copy()
    spend[first : first + count] *= 1000
    rows = world.rows.set_column(place, "spend", pa.array(spend))
    part = sketch_table(rows.slice(first, count).select(["visits", "spend"]), DAILY)
    strange = replace(world, rows=rows, features={**world.features, day: part})
    state = Adaptive(strange, PLAN)
    for n in range((day - FIRST).days + 2):
        state.day(FIRST + n * ONE_DAY)
    assert state.incidents[-1] == day + ONE_DAY
    assert state.world.excluded == {day}
    assert state.world.sound([day - ONE_DAY, day]) == [day - ONE_DAY]
    assert strange.excluded == set()


def test_the_page_and_the_rows_say_the_same(outcomes) -> None:
    told = rows(outcomes)
    assert [row[0] for row in told] == ["adaptive", "monthly", "never"]
    assert all(len(row) == len(HEADINGS) for row in told)
    shown = page("a <shop>", outcomes)
    assert "a &lt;shop&gt;" in shown
    assert all(f"<td>{cell}</td>" in shown for row in told for cell in row)
    assert len(shown) < 1_000_000
    encoded = json.loads(json.dumps(to_dict(outcomes, "small"), default=str))
    assert encoded["policies"][0]["alarms"] == json.loads(
        json.dumps([asdict(alarm) for alarm in outcomes[0].alarms], default=str)
    )


def test_an_unknown_policy_is_refused_with_those_that_there_are(world) -> None:
    with pytest.raises(ReplayError, match="'hourly' is not known: use adaptive, daily, weekly"):
        replay(world, PLAN, ("hourly",), span(FIRST, LAST))


def test_a_history_without_a_good_model_says_what_the_last_attempt_lacked(world) -> None:
    days = [FIRST + n * ONE_DAY for n in range(10)]
    with pytest.raises(ReplayError, match="too few rows matured"):
        run(world, PLAN, days, "weekly")


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_history_of_classes_or_of_numbers_is_replayed_too(world, task: str) -> None:
    days = [FIRST + n * ONE_DAY for n in range(35)]
    rows = world.of(days).filter(pc.less(world.of(days)["customer_id"], "c300"))
    noise = np.random.default_rng(2).normal(size=rows.num_rows)
    visits = rows["visits"].to_numpy()
    amount = 100 + 2 * visits + 2 * np.abs(visits - 3) + 4 * noise
    size = np.array(["small", "large"])[(amount > 110).astype(int)]
    rows = rows.append_column("amount", pa.array(amount)).append_column("size", pa.array(size))
    of = {"multiclass": ("size", ("small", "large")), "regression": ("amount", ())}
    label, classes = of[task]
    columns = replace(world.schema, label=label, task=task, classes=classes)
    sketches = {
        d: sketch_table(rows.filter(pc.equal(rows["as_of"], d)).select([label])) for d in days
    }
    told = World(rows, columns, HORIZON, {d: world.features[d] for d in days}, sketches)
    plan = replace(PLAN, window_days=40, every_days=1, min_rows=2000)
    found = run(told, plan, days, "adaptive")
    assert len(found.deployments) == 1
    labels = columns.labels(rows)
    constant = np.repeat(columns.target.constant(labels), len(labels), axis=0)
    assert found.mean_loss(days[0]) < 0.9 * columns.target.losses(labels, constant).mean()
