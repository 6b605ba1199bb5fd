"""From a declaration to the splits of `ml.splits`, with what the champion has already seen."""

from datetime import date, timedelta

import ledger
from declaration import MlModel
from lifecycle.champions import rival_of
from lifecycle.checked import checks_of
from ml import policy, splits
from ml.raised import new_since
from ml.recipes import Recipe
from resources.lake import Lake


def windows_of(model: MlModel) -> splits.Windows:
    """Return the lengths that a model declares."""
    return splits.Windows(
        horizon_days=model.label.horizon_days,
        test_days=model.gate.test_days,
    )


def split_of(
    model: MlModel, as_of: date, lane: str, judged_from: date | None, recipe: Recipe
) -> splits.Split:
    """Return a recipe's split on a decision day; days before `judged_from` do not judge."""
    make = splits.alarm if lane == "alarm" else splits.normal
    return make(as_of, windows_of(model), recipe, judged_from)


def judged_from(lake: Lake, model: MlModel, as_of: date, lane: str) -> date | None:
    """Return the first day that may judge a candidate of a decision day, None for any.

    Days up to the champion's decision are not unseen: its refit has learned from labels that reach
    up to that day. In the alarm lane days before the alarm's cause are of a world that is gone.
    """
    decided = champion_decided_on(lake, model, as_of)
    unseen = [decided + timedelta(days=1)] if decided else []
    since = new_world(lake, model, as_of) if lane == "alarm" else None
    return max([*unseen, *([since] if since else [])], default=None)


def new_world(lake: Lake, model: MlModel, as_of: date) -> date | None:
    """Return the first day of a world that the normal lane cannot teach yet, None where it can.

    What the champion was let in for is in the decision that its training was started by.
    """
    decided = champion_decided_on(lake, model, as_of)
    found = ledger.decision_on(lake, model.name, decided) if decided else None
    let_in_for = policy.from_json(found["evidence"]).evidence.new_since if found else None
    return new_since(checks_of(lake, model, as_of), let_in_for, as_of, windows_of(model))


def champion_decided_on(lake: Lake, model: MlModel, day: date) -> date | None:
    """Return the day on which what a candidate of `day` has to beat was trained, None before it.

    What it has learned from reaches up to that day, however often it was live since.
    """
    return decided_on(lake, model, rival_of(lake, model.name, day))


def decided_on(lake: Lake, model: MlModel, version: int | None) -> date | None:
    """Return the decision day that a version was trained for, None where nobody knows."""
    query = "select as_of from ledger.versions where model = ? and version = ?"
    found = lake.rows(query, [model.name, version]) if version is not None else []
    return found[0]["as_of"] if found else None
