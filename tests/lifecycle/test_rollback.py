"""A champion on trial beside the one before it: what is kept, what takes it back, what heals."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

import ledger
from chronicle import history
from commit_points import STATUS, VARIABLE
from declaration import Declaration, Trial
from errors import LeewayError, RollbackError
from examples import schema
from lifecycle import champions, rollback
from lifecycle.store import encoded
from lifecycle.watched import recent
from ml.estimators import estimator
from ml.tabular import TabularModel, TrainConfig
from ml.tasks.one_number import PREDICTION
from ml.tracker import NoTracker
from resources.settings import CHECKOUT
from status import status

ONE_DAY = timedelta(days=1)
BEFORE, CUSTOMERS = date(2024, 1, 13), 200
CROWNED = date(2024, 3, 20)  # the new champion's decision day; looks after 3 and 6 days
FIRST_LOOK, END = CROWNED + 10 * ONE_DAY, CROWNED + 13 * ONE_DAY
NAME = "on_trial"


@dataclass(frozen=True)
class Versions:
    """Registered: a good version, its opposite, one without weights, one with a column more."""

    good: int
    turned: int
    empty: int
    wider: int
    rows: tuple[dict, ...]


@dataclass
class OnTrial:
    """A world in which `version` was promoted over the good one."""

    world: Any
    versions: Versions
    version: int

    def rule(self, as_of: date):
        """The rule at the end of a day."""
        return rollback.by_rule(self.world.lake, self.world.registry, self.world.model, as_of)

    def live(self, day: date) -> int | None:
        """The version that the ledger names for a day."""
        return ledger.champion_on(self.world.lake, NAME, day)

    def decided(self, as_of: date) -> None:
        """Write a decision of a day, as daily work does after the rule."""
        row = {"kind": "none", "lane": "normal", "reasons": "[]", "evidence": "{}"}
        ledger.put(self.world.lake, "decisions", {"model": NAME, "as_of": as_of}, row)

    def rows(self, query: str) -> list[dict]:
        """Rows of the lake."""
        return self.world.lake.rows(query)


@pytest.fixture(scope="module")
def model(shop_model):
    """The world's model with a short trial and a name of its own."""
    return shop_model.model_copy(update={"name": NAME, "trial": Trial(days=6)})


@pytest.fixture(scope="module")
def versions(rows, registry, model) -> Versions:
    """Two trainings, logged as four versions."""
    known = rows.filter(pc.less(rows["as_of"], pa.scalar(BEFORE)))
    columns = schema(model, known)
    at = known.schema.get_field_index("repurchased")
    flipped = pc.subtract(pa.scalar(1, pa.int32()), known["repurchased"])
    fit = estimator("tabular").fit
    config = TrainConfig(seed=7, stop_after=2)
    good = fit(known, None, columns, config, NoTracker(), None)
    opposite = known.set_column(at, "repurchased", flipped)
    turned = fit(opposite, None, columns, config, NoTracker(), None)
    learned = {"visits": "INTEGER"}
    manifest = {"columns": learned, "dbt": {"customer_features": "made by customer_features"}}
    wider = {**manifest, "columns": {**learned, "loyalty": "DOUBLE"}}
    made = [
        register(registry, good, manifest, CROWNED - 10 * ONE_DAY),
        register(registry, turned, manifest),
        register(registry, without_weights(good), manifest),
        register(registry, good, wider),
    ]
    return Versions(*(row["version"] for row in made), tuple(made))


def register(registry, fitted: TabularModel, manifest: dict, as_of: date = CROWNED) -> dict:
    """Register a model with what it has learned from; returns its row of `ledger.versions`."""
    tags = {"kind": "candidate"}
    with registry.run(NAME, "made", tags) as run_id:
        registry.document(run_id, "training_set.json", encoded(manifest))
        version = registry.register(NAME, run_id, fitted, tags)
    return {"version": version, "as_of": as_of, "kind": "refit", "mlflow_run": run_id}


def without_weights(fitted: TabularModel) -> TabularModel:
    """The same model, with weights that a broken training would leave."""
    broken = copy.deepcopy(fitted.network)
    with torch.no_grad():
        for weights in broken.parameters():
            weights.fill_(float("nan"))
    return replace(fitted, network=broken)


@pytest.fixture(scope="module")
def make(make_world, rows, versions, model) -> Callable:
    """The maker of a lake of a few weeks and customers, which knows the versions."""
    span = pc.and_(
        pc.greater_equal(rows["as_of"], pa.scalar(CROWNED - 3 * ONE_DAY)),
        pc.less_equal(rows["as_of"], pa.scalar(END + 8 * ONE_DAY)),
    )
    few = rows.filter(pc.and_(span, pc.less(rows["customer_id"], f"c{CUSTOMERS:03}")))

    def made():
        world = make_world(few, model)
        for row in versions.rows:
            ledger.put(world.lake, "versions", {"model": NAME, **row}, {})
        return world

    return made


@pytest.fixture(scope="module")
def lived(make, versions):
    """A world in which the opposite of a good model went live and was lived with."""
    world = make()
    begin(world, versions.good, versions.turned)
    world.live_through(CROWNED - 2 * ONE_DAY, END + 7 * ONE_DAY)
    return world


@pytest.fixture(scope="module")
def blank(make):
    """A world of which nothing was scored."""
    return make()


def begin(world, good: int, version: int) -> None:
    """Let the ledger know the good version's promotion and the other's, and nothing else."""
    known = ("champions", "promotions", "alerts", "decisions", "deliveries")

    def forget(connection) -> None:
        for table in known:
            connection.execute(f"delete from ledger.{table}")

    world.lake.transact(forget)
    crown(world.lake, CROWNED - 10 * ONE_DAY, good)
    crown(world.lake, CROWNED, version)


def crown(lake, day: date, version: int) -> None:
    verdict = {
        "version": version, "promoted": True, "lane": "normal", "reasons": ["better"],
        "evidence": "{}",
    }  # fmt: skip
    rival = champions.rival_of(lake, NAME, day)
    champions.keep_verdict(lake, {"model": NAME, "as_of": day}, verdict, rival)


@pytest.fixture
def turned(lived, versions) -> OnTrial:
    """The opposite of a good model went live; nothing has come of it yet."""
    begin(lived, versions.good, versions.turned)
    return OnTrial(replace(lived), versions, versions.turned)


@pytest.fixture
def promoted(blank, versions) -> Callable[[str], OnTrial]:
    """The maker of a trial of one of the versions."""

    def on_trial(name: str) -> OnTrial:
        begin(blank, versions.good, getattr(versions, name))
        return OnTrial(replace(blank), versions, getattr(versions, name))

    return on_trial


def test_both_models_predict_every_day_of_a_trial_and_no_other(turned) -> None:
    span = "select min(as_of) as first, max(as_of) as last, count(*) as rows from ml.on_trial_"
    [shadow] = turned.rows(f"{span}shadow where version = {turned.versions.good}")
    [live] = turned.rows(f"{span}predictions where version = {turned.version}")
    assert (shadow["first"], shadow["last"]) == (CROWNED + ONE_DAY, END)
    assert shadow["rows"] == 13 * CUSTOMERS
    assert live["last"] == END + 7 * ONE_DAY
    assert turned.rows("select count(distinct version) as n from ml.on_trial_shadow") == [{"n": 1}]


def test_losses_of_both_are_of_the_same_rows(turned) -> None:
    found = turned.rows("select * from ml.on_trial_performance order by as_of")
    before, trial_days = found[:3], found[3:]
    assert {row["shadow"] for row in before} == {None}
    assert {row["shadow"] for row in trial_days} == {turned.versions.good}
    assert all(row["mean_loss"] > row["shadow_loss"] for row in trial_days)


def test_a_worse_champion_goes_back_at_the_first_look_with_alert_and_alias(turned) -> None:
    assert not turned.rule(FIRST_LOOK - ONE_DAY).go_back
    turned.decided(FIRST_LOOK - ONE_DAY)
    assert turned.rule(FIRST_LOOK).go_back
    row = champions.history_of(turned.world.lake, NAME)[-1]
    assert (row["version"], row["previous"]) == (turned.versions.good, turned.version)
    assert (row["as_of"], row["action"], row["by"]) == (FIRST_LOOK, "rolled back", "rule")
    assert "a row, at least" in row["why"]
    [alert] = turned.rows("select * from ledger.alerts where kind = 'rollback'")
    assert (alert["day"], alert["subject"]) == (FIRST_LOOK, NAME)
    assert turned.live(FIRST_LOOK) == turned.version
    assert turned.live(FIRST_LOOK + ONE_DAY) == turned.versions.good
    assert turned.world.registry.pointed(NAME) == turned.versions.good


def test_the_rule_done_again_changes_nothing_and_the_next_day_has_no_trial(turned) -> None:
    turned.rule(FIRST_LOOK)
    before = turned.world.contents()
    assert turned.rule(FIRST_LOOK) is None
    turned.decided(FIRST_LOOK)
    assert turned.rule(FIRST_LOOK + ONE_DAY) is None
    after = turned.world.contents()
    assert after["ledger.champions"] == before["ledger.champions"]
    assert after["ledger.alerts"] == before["ledger.alerts"]


def test_after_a_rollback_days_are_the_old_champion_s_and_nobody_shadows(turned) -> None:
    turned.rule(FIRST_LOOK)
    turned.world.score(FIRST_LOOK, FIRST_LOOK + ONE_DAY)
    found = turned.rows(
        f"""select as_of, min(version) as live from ml.on_trial_predictions
        where as_of >= '{FIRST_LOOK}' group by as_of order by as_of limit 2"""
    )
    assert [row["live"] for row in found] == [turned.version, turned.versions.good]
    shadowed = turned.rows(
        f"select 1 from ml.on_trial_shadow where as_of = '{FIRST_LOOK + ONE_DAY}'"
    )
    assert shadowed == []


def test_a_candidate_after_a_rollback_is_judged_against_what_is_live_by_then(turned) -> None:
    """The old champion has seen labels up to its own promotion, not up to the rollback."""
    from lifecycle.splits import champion_decided_on

    turned.rule(FIRST_LOOK)
    lake, model = turned.world.lake, turned.world.model
    for day in (FIRST_LOOK, FIRST_LOOK + ONE_DAY):
        assert champions.rival_of(lake, NAME, day) == turned.versions.good
        assert champion_decided_on(lake, model, day) == CROWNED - 10 * ONE_DAY
    assert champions.rival_of(lake, NAME, FIRST_LOOK - ONE_DAY) == turned.version


def test_what_rests_is_in_the_row_of_the_rollback(turned) -> None:
    """The recipe of `previous` rests, counted from the rollback's as_of day."""
    turned.rule(FIRST_LOOK)
    found = turned.rows(
        """select v.version, c.as_of from ledger.champions as c
        join ledger.versions as v on v.model = c.model and v.version = c.previous
        where c.action = 'rolled back'"""
    )
    assert found == [{"version": turned.version, "as_of": FIRST_LOOK}]


def test_a_backfilled_old_day_takes_nothing_back(turned) -> None:
    turned.decided(FIRST_LOOK + ONE_DAY)
    assert turned.rule(FIRST_LOOK) is None
    assert turned.live(date.max) == turned.version


def test_a_trial_is_judged_by_the_first_decision_after_its_end_and_by_no_later_one(turned) -> None:
    turned.decided(END)
    assert turned.rule(END + 7 * ONE_DAY) is None
    turned.world.lake.transact(lambda c: c.execute("delete from ledger.decisions"))
    turned.decided(END - ONE_DAY)
    assert turned.rule(END + 7 * ONE_DAY).go_back


def test_days_that_are_held_do_not_count(turned) -> None:
    turned.world.hold(CROWNED + 2 * ONE_DAY)
    found = turned.rule(FIRST_LOOK)
    assert not found.go_back
    assert found.looks[0].lower_bound is None


def test_predictions_that_are_no_numbers_are_not_kept_and_go_back_at_once(promoted) -> None:
    made = promoted("empty")
    done = made.world.score(CROWNED, CROWNED + ONE_DAY)
    assert list(done.skipped) == [CROWNED + ONE_DAY]
    assert "200 predictions of on_trial version" in done.skipped[CROWNED + ONE_DAY]
    kept = made.rows(f"select 1 from ml.on_trial_predictions where as_of > '{CROWNED}'")
    assert kept == []
    assert made.rule(CROWNED + ONE_DAY).why.startswith("predictions not finite on 2024-03-21")
    assert made.live(CROWNED + 2 * ONE_DAY) == made.versions.good


def test_a_column_that_the_new_champion_lacks_goes_back_at_once(promoted) -> None:
    made = promoted("wider")
    done = made.world.score(CROWNED + ONE_DAY, CROWNED + ONE_DAY)
    assert "learned from loyalty as DOUBLE, which is gone now" in str(done.skipped)
    assert "schema fault" in made.rule(CROWNED + ONE_DAY).why
    assert made.live(CROWNED + 2 * ONE_DAY) == made.versions.good


def test_what_the_shadow_cannot_score_either_takes_nothing_back(promoted) -> None:
    made = promoted("wider")
    rename = "alter table features.customer_features rename {} to {}"
    made.world.lake.transact(lambda c: c.execute(rename.format("visits", "visited")))
    done = made.world.score(CROWNED + ONE_DAY, CROWNED + ONE_DAY)
    made.world.lake.transact(lambda c: c.execute(rename.format("visited", "visits")))
    assert "visits as INTEGER, which is gone" in str(done.shadow)
    assert not made.rule(CROWNED + ONE_DAY).go_back


def test_slow_scoring_goes_back_only_above_a_declared_limit(promoted) -> None:
    made, day = promoted("turned"), CROWNED + ONE_DAY
    made.world.score(day, day)
    slow = "update ml.on_trial_scoring set row_ms = 9.5 where role = 'champion'"
    made.world.lake.transact(lambda c: c.execute(slow))
    assert not made.rule(day).go_back
    limited = made.world.model.trial.model_copy(update={"max_row_ms": 5.0})
    made.world.model = made.world.model.model_copy(update={"trial": limited})
    assert made.rule(day).why == f"latency on {day}: 9.500 ms a row, the limit is 5"


def test_a_shadow_that_cannot_be_loaded_stops_nothing_and_is_named(promoted, registry) -> None:
    made, day = promoted("turned"), CROWNED + ONE_DAY
    unknown = {"model": NAME, "version": 999}
    ledger.put(
        made.world.lake, "versions", unknown, {"mlflow_run": made.versions.rows[0]["mlflow_run"]}
    )
    made.world.lake.transact(
        lambda c: c.execute("update ledger.champions set previous = 999 where previous is not null")
    )
    done = made.world.score(day, day)
    assert (done.rows, done.skipped) == (200, {})
    assert f"{day}: shadow version 999 cannot score: " in done.shadow[0]
    assert not made.rule(day).go_back


def test_what_was_live_on_a_day_of_a_trial_names_both_models(turned) -> None:
    world = turned.world
    found = status_of(turned)
    assert (found.shadow, found.until, found.days) == (turned.versions.good, END, 6)
    assert found.loss > found.shadow_loss
    turned.decided(END)
    assert status_of(turned) is None
    turned.world.lake.transact(lambda c: c.execute("delete from ledger.decisions"))
    turned.rule(FIRST_LOOK)
    events = [event for event in history(world.lake, NAME) if event.what == "champion"]
    assert [event.outcome for event in events][-1] == "rolled back by rule"
    assert status_of(turned) is None


def status_of(made: OnTrial):
    """The trial as `leeway status` tells it."""
    declaration = Declaration(tables=(), models=(made.world.model,))
    return status(made.world.lake, declaration).models[NAME].trial


def test_an_operator_goes_back_to_the_champion_before(promoted) -> None:
    made = promoted("turned")
    made.decided(CROWNED + 3 * ONE_DAY)
    done = go_back(made, "customers complain")
    assert (done.version, done.previous) == (made.versions.good, made.version)
    assert done.live_from == CROWNED + 4 * ONE_DAY
    row = champions.history_of(made.world.lake, NAME)[-1]
    assert (row["by"], row["why"]) == ("operator", "customers complain")
    assert made.world.registry.pointed(NAME) == made.versions.good
    with pytest.raises(RollbackError, match=r"live since a rollback .*customers complain.* --to"):
        go_back(made, "again")
    again = go_back(made, "it was the data", to=made.version)
    assert (again.version, made.live(date.max)) == (made.version, made.version)


def go_back(made: OnTrial, why: str, **chosen):
    world = made.world
    return rollback.by_operator(world.lake, world.registry, world.model, why, **chosen)


def test_after_a_rollback_into_the_past_predictions_of_the_version_that_went_are_not_watched(
    turned,
) -> None:
    lake, model, day = turned.world.lake, turned.world.model, CROWNED + 8 * ONE_DAY
    assert watched_scores(turned, day) == [CROWNED + n * ONE_DAY for n in range(1, 9)]
    turned.decided(day)
    go_back(turned, "worse", as_of=CROWNED + 3 * ONE_DAY)
    assert ledger.champion_on(lake, NAME, day) == turned.versions.good
    assert watched_scores(turned, day) == []
    assert len(recent(lake, model, day)[0]) == 12  # features of every day


def watched_scores(made: OnTrial, day: date) -> list[date]:
    """The days whose predictions a watch of a day looks at."""
    days, _ = recent(made.world.lake, made.world.model, day)
    return [day for day, table in days.items() if PREDICTION in table]


@pytest.mark.parametrize(
    ("chosen", "refusal"),
    [
        ({"why": "  "}, "--why is empty"),
        ({"to": 77}, "has no version 77: live before: "),
        ({"to": 0}, "has no version 0: live before: "),
        ({"to": "wider"}, "was never promoted"),
        ({"to": "turned"}, "is live since 2024-03-21"),
        ({"as_of": CROWNED + 9 * ONE_DAY}, "give a day between them"),
        ({"as_of": CROWNED - ONE_DAY}, "give a day between them"),
    ],
)
def test_a_rollback_that_makes_no_sense_is_refused_with_the_reason(
    promoted, chosen: dict, refusal: str
) -> None:
    made = promoted("turned")
    made.decided(CROWNED + 3 * ONE_DAY)
    before = champions.history_of(made.world.lake, NAME)
    to = chosen.get("to")
    known = getattr(made.versions, to) if isinstance(to, str) else to
    with pytest.raises(RollbackError, match=refusal):
        go_back(made, **{"why": "worse", **chosen, "to": known})
    assert champions.history_of(made.world.lake, NAME) == before


def test_a_model_without_champion_has_nothing_to_go_back_from(lake, registry, model) -> None:
    with pytest.raises(RollbackError, match="has no champion yet"):
        rollback.by_operator(lake, registry, model, "worse")


def test_a_first_champion_has_none_before_it(lake, registry, model, versions) -> None:
    crown(lake, CROWNED, versions.good)
    row = {"kind": "none", "lane": "normal", "reasons": "[]", "evidence": "{}"}
    ledger.put(lake, "decisions", {"model": NAME, "as_of": CROWNED}, row)
    with pytest.raises(RollbackError, match="is its first champion"):
        rollback.by_operator(lake, registry, model, "worse")


def test_two_rollbacks_at_once_write_one(promoted) -> None:
    made = promoted("turned")
    made.decided(CROWNED + 3 * ONE_DAY)

    def attempt(why: str) -> str:
        try:
            go_back(made, why)
        except LeewayError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(attempt, ["first", "second"]))
    assert said[0] == "done"
    assert "meanwhile" in said[1] or "since a rollback" in said[1]
    actions = [row["action"] for row in champions.history_of(made.world.lake, NAME)]
    assert actions == ["promoted", "promoted", "rolled back"]


def test_a_candidate_that_has_not_beaten_what_is_live_by_now_is_not_promoted(promoted) -> None:
    made = promoted("turned")
    lake, day = made.world.lake, CROWNED + 3 * ONE_DAY
    made.decided(day)
    go_back(made, "worse")
    verdict = {"version": 50, "promoted": True, "reasons": ["better"], "evidence": '{"checks": []}'}
    champions.keep_verdict(lake, {"model": NAME, "as_of": day}, verdict, rival=made.version)
    found = ledger.verdict_on(lake, NAME, day)
    assert not found["promoted"]
    assert found["reasons"][-1].startswith(f"judged against version {made.version}, version")
    assert made.live(date.max) == made.versions.good


def test_the_verdict_that_let_a_version_in_stays_when_its_day_is_judged_again(
    promoted, caplog
) -> None:
    made = promoted("turned")
    lake, first = made.world.lake, CROWNED - 10 * ONE_DAY
    before = made.world.contents()
    again = {"version": 50, "promoted": True, "reasons": ["better"], "evidence": '{"checks": []}'}
    for verdict in (again, {**again, "promoted": False, "reasons": ["worse"]}):
        champions.keep_verdict(lake, {"model": NAME, "as_of": first}, verdict, rival=None)
    assert made.world.contents() == before
    good = made.versions.good
    assert f"its verdict on version {good} stays, version {good} went live by it" in caplog.text


def test_a_refusal_is_replaced_when_its_day_is_judged_again(promoted) -> None:
    made = promoted("turned")
    lake, day = made.world.lake, CROWNED + 3 * ONE_DAY
    refused = {"version": 50, "promoted": False, "reasons": ["a"], "evidence": '{"checks": []}'}
    for reasons in (["worse"], ["worse still"]):
        verdict = {**refused, "reasons": reasons}
        champions.keep_verdict(lake, {"model": NAME, "as_of": day}, verdict, rival=made.version)
    assert ledger.verdict_on(lake, NAME, day)["reasons"] == ["worse still"]


KILLED = """
import sys
from datetime import date
from declaration import MlModel
from lifecycle import rollback
from resources.lake import Lake
from resources.registry import Registry
lake, registry, model, day = sys.argv[1:]
rollback.by_rule(
    Lake.model_validate_json(lake), Registry.model_validate_json(registry),
    MlModel.model_validate_json(model), date.fromisoformat(day),
)
"""


@pytest.mark.slow
def test_a_kill_after_the_row_heals_when_the_day_is_done_again(turned) -> None:
    world = turned.world
    world.registry.point(NAME, turned.version)
    arguments = [each.model_dump_json() for each in (world.lake, world.registry, world.model)]
    environment = {
        **os.environ,
        VARIABLE: "rollback-kept",
        "PYTHONPATH": f"{CHECKOUT}/platform:{CHECKOUT}",
    }
    command = [sys.executable, "-c", KILLED, *arguments, str(FIRST_LOOK)]
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == STATUS, done.stderr
    assert turned.live(FIRST_LOOK + ONE_DAY) == turned.versions.good
    assert world.registry.pointed(NAME) == turned.version
    turned.rule(FIRST_LOOK)
    assert world.registry.pointed(NAME) == turned.versions.good
    assert len(champions.history_of(world.lake, NAME)) == 3
