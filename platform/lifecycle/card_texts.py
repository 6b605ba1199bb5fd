"""What a model card says in words: identity, data, splits and limits of a version."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from declaration import MlModel
from lifecycle import training_set
from ml.card import Part

Manifest = Mapping[str, Any]  # of a training set, see `lifecycle.training_set.build`
Row = Mapping[str, Any]  # of `ledger.versions`
Verdict = Mapping[str, Any]  # see `ledger.verdict_on`


def identity_of(model: MlModel, verdict: Verdict, row: Row, estimator: str) -> dict[str, str]:
    """Return what the version is and how it came about."""
    refit = f"refit of version {verdict['candidate']}, which was judged"
    return {
        "predicts": f"{model.target.what.format(label=model.label.column)}, for each "
        f"{model.entity} and {model.time}; known {days(model.label.horizon_days)} later",
        "kind": "candidate" if row["kind"] == "candidate" else refit,
        "decision day": str(row["as_of"]),
        "lane": row["lane"],
        "recipe": row["recipe"],
        "estimator": f"{estimator}, seed {model.train.seed}",
        "MLflow run": row["mlflow_run"],
    }


def data_of(model: MlModel, manifest: Manifest, learned: Sequence[date]) -> dict[str, str]:
    """Return which rows the version was made from, exactly enough to read them again."""
    tables = {
        "features": (model.features_schema, model.features.table),
        "label": (model.label_schema, model.label.table),
    }
    made = {
        what: f"{schema}.{table}, made by dbt models of checksum {manifest['dbt'][table]}"
        for what, (schema, table) in tables.items()
    }
    return {
        **made,
        "columns left out": ", ".join(model.features.exclude) or "none",
        "learned from": f"{days(len(learned))} from {learned[0]} to {learned[-1]}",
        "lake snapshot": str(manifest["snapshot"]),
        "training set": manifest["id"],
        "code": f"commit {manifest['commit']}",
    }


def parts_of(manifest: Manifest, row: Row, train: int, holdout: int, test: int) -> tuple[Part, ...]:
    """Return the rows by use and how they were chosen."""
    split = training_set.split_from(manifest, row["recipe"])
    recipe = manifest["recipes"][row["recipe"]]
    half_life = recipe["half_life_days"]
    fading = f"; a row weighs half as much every {half_life} days" if half_life else ""
    stride = f"every {days(recipe['every_days'])}" if recipe["every_days"] > 1 else "every day"
    span = "everything matured" if row["kind"] == "refit" else f"until {split.train_days[-1]}"
    judged = f"{split.test_days[0]} to {split.test_days[-1]}" if split.test_days else "no day"
    share = f", {split.test_share:.0%} of entities" if split.test_share < 1 else ", all entities"
    seen = "; this refit has learned from them too" if row["kind"] == "refit" else ""
    parts = [Part("train", train, f"{span}, {stride} of {days(recipe['window_days'])}{fading}")]
    if row["kind"] == "candidate":
        held = f"{split.holdout_share:.0%} of the training entities: early stopping, calibration"
        parts.append(Part("holdout", holdout, held))
    return (*parts, Part("test", test, f"{judged}{share}{seen}"))


def limits_of(model: MlModel, verdict: Verdict, row: Row, last: date) -> tuple[str, ...]:
    """Return what the version has not seen, and what no metric on the page says."""
    horizon = days(model.label.horizon_days)
    guarded = ", ".join(model.gate.slices)
    limits = [
        f"It has seen no row after {last}, no number outside the ranges below and no level that "
        "is not among those counted there: what it says of others is extrapolation.",
        f"A label takes {horizon}: a change in what leads to {model.label.column} cannot show in "
        f"the loss earlier than {horizon} after it begins.",
        "The metrics are of the test rows above: they say nothing of another season or of "
        "entities without rows.",
        "It finds what goes together, not what causes it: what happens when somebody acts on a "
        "prediction is in no metric.",
        f"Only groups by {guarded} are guarded."
        if guarded
        else "No group is guarded (`gate.slices` is empty): it may be worse for some.",
    ]
    if row["kind"] == "refit":
        limits.append(
            f"The metrics and checks are those of version {verdict['candidate']}; of this refit "
            "only that its predictions agree was checked. Its own loss shows in `performance`."
        )
    return tuple(limits)


def days(count: int) -> str:
    """Return a number of days in words."""
    return f"{count} day{'' if count == 1 else 's'}"
