"""What wrong days have reached: nothing that used them may be missing, and the plan is short."""

import copy
import json
from datetime import date, timedelta

import pyarrow as pa
import pytest
from rich.console import Console

import ledger
from declaration import Declaration
from declared import declared
from errors import SetupError
from examples import replace_days
from lifecycle import champions, training_set
from lifecycle.repair import plan
from lifecycle.store import keep, kept
from lifecycle.taint import as_json, spans, taint
from shown_models import show_taint

ONE_DAY = timedelta(days=1)
SCORES = "repeat_purchase/predictions"
FEATURES, LABELS = "customer_features", "customer_labels"


@pytest.fixture(scope="module")
def world(make_world, rows):
    """A first model trained on the first decision day, and a later one; both have predicted."""
    made = make_world(rows)
    lake, model, first = made.lake, made.model, made.first_decision
    for day in (first, made.last):
        row = {"kind": "retrain", "lane": "normal", "reasons": "[]", "evidence": "{}"}
        ledger.put(lake, "decisions", {"model": model.name, "as_of": day}, row)
    manifest = training_set.build(lake, model, first)
    later = {**manifest, "id": "later", "as_of": str(made.last), "test_days": []}
    later["train_days"] = [str(made.flip + n * ONE_DAY) for n in range(20)]
    keep(lake, model, training_set.WHAT, made.last, later)
    promote(made, first, manifest, {1: "candidate", 2: "refit"})
    promote(made, made.last, later, {3: "candidate"})
    predict(made, 2, first + ONE_DAY, made.last)
    predict(made, 3, made.last + ONE_DAY, made.last + ONE_DAY)
    return made


def promote(world, day: date, manifest: dict, versions: dict[int, str]) -> None:
    name = world.model.name
    for version, kind in versions.items():
        row = {"as_of": day, "kind": kind, "training_set": manifest["id"], "lane": "normal"}
        row["recipe"] = "window"
        ledger.put(world.lake, "versions", {"model": name, "version": version}, row)
    verdict = {"version": max(versions), "promoted": True, "reasons": [], "evidence": "{}"}
    rival = champions.rival_of(world.lake, name, day)
    champions.keep_verdict(world.lake, {"model": name, "as_of": day}, verdict, rival)


def predict(world, version: int, first: date, last: date) -> None:
    days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
    rows = pa.table({"as_of": days, "version": pa.array([version] * len(days), pa.int32())})
    name = f"{world.model.name}_predictions"
    replace_days(world.lake, name, days, rows, "as_of", "as_of date, version integer")


@pytest.fixture
def deliver(world):
    """A function that adds a delivery of a raw day, which is gone after the test."""

    def added(day: date, known_from: date, known_to: date | None = None, status="published"):
        row = {
            "table_name": "order_lines", "day": day, "status": status, "known_from": known_from,
            "known_to": known_to,
        }  # fmt: skip
        world.lake.transact(lambda connection: ledger.insert(connection, "deliveries", row))

    yield added
    world.lake.transact(lambda connection: connection.execute("delete from ledger.deliveries"))


@pytest.fixture
def follow(world, parsed):
    """The command's two steps."""
    tables = declared(parsed).tables
    declaration = Declaration(tables=tables, models=(world.model,))

    def followed(table: str, *days: date, manifest=parsed):
        found = taint(world.lake, world.registry, declaration, manifest, table, days)
        return found, plan(found, declaration)

    return followed


def versions(found) -> list[int]:
    return [each.version for each in found.models[0].versions if each.learned]


def trained_on(manifest: dict, kind: str) -> list[date]:
    """The training days that have rows; a refit ends later, so its stride meets other days."""
    learned = training_set.learned_days(manifest, "window", kind)
    return [day for day in learned if str(day) in manifest["partitions"]]


def reach(found, table: str) -> list[date]:
    return next(each.days for each in found.tables if each.table == table)


def test_raw_rows_reach_features_from_the_day_they_were_known(world, follow, deliver) -> None:
    day = world.start + 10 * ONE_DAY
    deliver(day, known_from=day + 20 * ONE_DAY)
    found, _ = follow("order_lines", day)
    assert reach(found, FEATURES)[0] == day + 20 * ONE_DAY
    assert reach(found, FEATURES)[-1] == world.last
    assert reach(found, LABELS)[0] == day + (20 - 14) * ONE_DAY
    assert reach(found, LABELS)[-1] == day + 89 * ONE_DAY


def test_a_replaced_delivery_reaches_no_day_after_it(world, follow, deliver) -> None:
    day = world.start + 10 * ONE_DAY
    deliver(day, known_from=day, known_to=day + 3 * ONE_DAY, status="superseded")
    found, _ = follow("order_lines", day)
    assert reach(found, FEATURES) == [day + n * ONE_DAY for n in range(3)]


def test_a_day_that_was_only_held_has_reached_nothing(world, follow, deliver) -> None:
    deliver(world.start, known_from=world.start, status="held")
    found, steps = follow("order_lines", world.start)
    assert reach(found, FEATURES) == reach(found, LABELS) == versions(found) == []
    assert [step.asset for step in steps] == ["raw/order_lines"]


def test_without_a_declared_lookback_every_later_day_counts(world, follow, deliver, parsed) -> None:
    undeclared = copy.deepcopy(parsed)
    for node in undeclared["nodes"].values():
        (node["config"].get("meta") or {}).pop("lookback_days", None)
    deliver(world.start, known_from=world.start)
    found, _ = follow("order_lines", world.start, manifest=undeclared)
    [labels] = [each for each in found.tables if each.table == LABELS]
    assert labels.days[-1] == world.last
    assert "every later day counts" in labels.known_by


def test_a_day_of_the_training_taints_versions_predictions_and_decisions(world, follow) -> None:
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    day = trained_on(manifest, "refit")[3]
    assert day not in trained_on(manifest, "candidate")
    found, steps = follow(FEATURES, day)
    [model] = found.models
    assert versions(found) == [2]
    assert {each.training_set for each in model.versions if each.learned} == {manifest["id"]}
    assert [each.version for each in model.versions if each.calibrated] == [2, 3]
    assert len(model.predictions) == (world.last - world.first_decision).days
    assert model.decisions == {
        world.first_decision: ["matured rows"],
        world.last: ["its champion", "the reference of its alarms"],
    }
    assert (model.live, model.live_is_tainted) == (3, False)
    assert [step.asset for step in steps] == ["features/customer_features"]


def test_a_day_that_only_the_candidate_has_used_taints_no_prediction(world, follow) -> None:
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    found, _ = follow(FEATURES, trained_on(manifest, "candidate")[3])
    assert versions(found) == [1]
    assert found.models[0].predictions == []


def test_a_refit_may_have_used_what_its_candidate_was_judged_on(world, follow) -> None:
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    day = date.fromisoformat(manifest["test_days"][0])
    found, _ = follow(FEATURES, day)
    assert versions(found) == [2]
    assert [each.version for each in found.models[0].versions if each.judged] == [1, 2]


def test_where_the_live_version_has_learned_from_them_the_plan_goes_back(world, follow) -> None:
    day = world.flip + 3 * ONE_DAY
    found, steps = follow(FEATURES, day)
    assert (versions(found), found.models[0].clean) == ([3], [2])
    assert [step.command for step in steps if step.command] == [
        f'leeway rollback repeat_purchase --to 2 --why "customer_features {day} was wrong"'
    ]
    [rescored] = [
        step for step in steps if step.asset == "repeat_purchase/predictions, performance"
    ]
    assert rescored.days == [day]


def test_where_no_clean_version_was_ever_live_the_plan_trains_again(world, follow) -> None:
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    days = [trained_on(manifest, "refit")[0], world.flip + 3 * ONE_DAY]
    found, steps = follow(FEATURES, *days)
    assert found.models[0].clean == []
    assert "train again" in " ".join(step.what for step in steps)


def test_a_day_that_only_the_window_has_seen_asks_for_nothing_but_its_repair(world, follow) -> None:
    found, steps = follow(FEATURES, world.last)
    assert (versions(found), found.models[0].predictions) == ([], [world.last])
    assert found.models[0].decisions == {world.last: ["features"]}
    assert not any(step.command for step in steps)


def test_a_decision_reads_all_the_days_that_its_alarms_add_up(world, follow) -> None:
    day = world.last - 55 * ONE_DAY
    assert follow(FEATURES, day)[0].models[0].decisions[world.last][0] == "features"
    assert follow(LABELS, day)[0].models[0].decisions[world.last][0] == "labels"
    before = follow(FEATURES, day - ONE_DAY)[0].models[0].decisions.get(world.last, [])
    assert "features" not in before


def test_a_version_whose_alarms_compare_with_them_is_named_and_not_gone_back_from(
    world, follow
) -> None:
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    later = kept(world.lake, world.model, training_set.WHAT, world.last)
    refit = training_set.learned_days(manifest, "window", "refit")
    learned = {*refit, *training_set.learned_days(manifest, "window", "candidate")}
    learned |= set(training_set.learned_days(later, "window", "candidate"))
    day = next(refit[-1] - n * ONE_DAY for n in range(9) if refit[-1] - n * ONE_DAY not in learned)
    found, steps = follow(FEATURES, day)
    assert versions(found) == []
    assert [each.version for each in found.models[0].versions if each.calibrated] == [2, 3]
    assert not any(step.command for step in steps)


@pytest.fixture
def reigns(world):
    """A function that adds rows of `ledger.champions`, which are gone after the test."""
    before = [row["written_at"] for row in champions.history_of(world.lake, world.model.name)]

    def added(day: date, version: int, previous: int, action: str) -> None:
        key = {"model": world.model.name, "as_of": day, "version": version}
        row = {**key, "previous": previous, "action": action, "by": "rule", "why": "worse"}
        world.lake.transact(lambda connection: ledger.insert(connection, "champions", row))

    yield added
    forget = "delete from ledger.champions where written_at not in (select unnest(?::timestamp[]))"
    world.lake.transact(lambda connection: connection.execute(forget, [before]))


def test_a_version_that_was_rolled_back_is_the_last_to_go_back_to(world, follow, reigns) -> None:
    day = world.last + ONE_DAY
    reigns(day, 1, 3, "promoted")
    reigns(day + ONE_DAY, 2, 1, "rolled back")
    wrong = trained_on(training_set.build(world.lake, world.model, world.first_decision), "refit")
    found, steps = follow(FEATURES, wrong[3])
    assert (found.models[0].live, found.models[0].clean) == (2, [3, 1])
    assert found.models[0].rolled_back == [1]
    [back] = [step.command for step in steps if step.command]
    assert back.startswith("leeway rollback repeat_purchase --to 3")
    found, steps = follow(FEATURES, wrong[3], world.flip + 3 * ONE_DAY)
    assert found.models[0].clean == [1]
    assert "version 1 was rolled back itself, and no other is left" in steps[1].what


def test_after_a_rollback_losses_of_the_earlier_reign_count_and_decisions_keep_who_was_live(
    world, follow, reigns
) -> None:
    early = world.first_decision + 3 * ONE_DAY
    label = early + 20 * ONE_DAY  # older than what the label alarm adds up by then
    later = world.last + 60 * ONE_DAY
    row = {"kind": "none", "lane": "normal", "reasons": "[]", "evidence": "{}"}
    key = {"model": world.model.name, "as_of": later}
    ledger.put(world.lake, "decisions", key, row)
    reigns(world.last + 5 * ONE_DAY, 2, 3, "rolled back")
    found, _ = follow(LABELS, label)
    assert "losses" in found.models[0].decisions[later]
    decided, _ = follow(FEATURES, world.flip + 3 * ONE_DAY)  # what version 3 has learned from
    assert "its champion" in decided.models[0].decisions[later]
    forget = "delete from ledger.decisions where as_of = ?"
    world.lake.transact(lambda connection: connection.execute(forget, [later]))


def test_what_a_shadow_has_predicted_and_its_trial_are_named(world, follow) -> None:
    days = [world.last + n * ONE_DAY for n in (1, 2)]
    rows = pa.table({"as_of": days, "version": pa.array([2, 2], pa.int32())})
    name = f"{world.model.name}_shadow"
    replace_days(world.lake, name, days, rows, "as_of", "as_of date, version integer")
    row = {"kind": "none", "lane": "normal", "reasons": "[]", "evidence": "{}"}
    key = {"model": world.model.name, "as_of": days[1]}
    ledger.put(world.lake, "decisions", key, row)
    manifest = training_set.build(world.lake, world.model, world.first_decision)
    found, _ = follow(FEATURES, trained_on(manifest, "refit")[3])
    assert found.models[0].shadow_predictions == days
    assert "its trial" in found.models[0].decisions[days[1]]
    forget = "delete from ledger.decisions where as_of = ?"
    world.lake.transact(lambda connection: connection.execute(forget, [days[1]]))


def test_an_unknown_table_is_refused_with_those_that_there_are(world, follow) -> None:
    with pytest.raises(SetupError, match="did you mean 'customer_features'"):
        follow("customer_feature", world.last)


def test_taint_is_shown_and_told_as_json_and_writes_nothing(world, follow) -> None:
    before = world.contents()
    found, steps = follow(FEATURES, world.flip + 3 * ONE_DAY)
    screen = Console(width=250, record=True)
    show_taint(screen, found, steps)
    shown = screen.export_text()
    assert "live" in shown
    assert "leeway rollback repeat_purchase --to 2" in shown
    told = json.loads(as_json(found, steps))
    assert told["models"][0]["clean"] == [2]
    assert told["plan"][0]["days"] == [str(world.flip + 3 * ONE_DAY)]
    assert world.contents() == before


def test_days_are_told_as_spans() -> None:
    days = [date(2024, 5, n) for n in (1, 2, 3, 9)]
    assert spans(days) == "2024-05-01..2024-05-03, 2024-05-09"
    assert spans([]) == "none"
