"""What a candidate learns from: a manifest that names rows exactly, not a copy of them."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from declaration import MlModel
from errors import NoEvidenceError
from examples import labelled, schema
from lifecycle import guard, store
from lifecycle.champions import rival_of
from lifecycle.offered import declared, resting
from lifecycle.quality import blocked_days
from lifecycle.splits import judged_from, split_of, windows_of
from lifecycle.tested import unfit_days, without
from ml import splits
from ml.fingerprint import by_day
from ml.offers import distinct_splits, matured
from ml.recipes import Recipe
from ml.schema import Schema
from resources.lake import Lake
from resources.settings import CHECKOUT

WHAT = store.TRAINING_SETS
# The manifest names types, dbt's checksum the code and what is upstream.
IN_DBT = {"feature_columns", "label_columns", "features_upstream", "label_upstream"}
REFIT = "refit_partitions"  # a hash for each day that a refit has learned from, in its own manifest
BESIDE = {"id", "snapshot", "recipe", REFIT}  # what a training set's id does not depend on


def build(lake: Lake, model: MlModel, as_of: date) -> dict[str, Any]:
    """Choose the rows of a decision day's recipes and keep their manifest.

    The manifest names snapshot, recipes, days, a hash per day, columns, dbt checksums, code commit,
    and the days left out with why. Raises NoEvidenceError for too few rows, or for days that
    different dbt models have made; UnsoundRowsError for rows that break a declared rule.
    """
    lane, reasons = decided(lake, model, as_of)
    first = judged_from(lake, model, as_of, lane)
    recipes = declared(lake, model, as_of)
    each = [split_of(model, as_of, lane, first, recipe) for recipe in recipes]
    later = [splits.refit(as_of, windows_of(model), recipe) for recipe in recipes]
    snapshot = lake.snapshot()
    asked = sorted({day for split in (*each, *later) for day in split.days})
    blocked = sorted(blocked_days(lake, model) & set(asked))
    unfit = unfit_days(lake, model, asked, snapshot)
    used = without(asked, {*blocked, *unfit})
    rows = sound_rows(lake, model, used, snapshot)
    chosen = worth_training(model, as_of, each, rows, resting(lake, model, as_of))
    days = {day for split in chosen for day in split.days}
    rows = guard.rows_without(rows, model.time, without(used, days))
    manifest = {
        "model": model.name,
        "as_of": as_of.isoformat(),
        "lane": lane,
        "reasons": reasons,
        "champion": rival_of(lake, model.name, as_of),
        "judged_from": first and first.isoformat(),
        "blocked_days": [day.isoformat() for day in blocked],
        "unfit_days": {day.isoformat(): why for day, why in unfit.items()},
        "dbt": checksums(lake, model, used, snapshot),
        **contents(model, chosen, rows),
    }
    manifest["id"] = identity(manifest)
    manifest["snapshot"] = snapshot
    store.keep(lake, model, WHAT, as_of, manifest)
    return manifest


def contents(
    model: MlModel, chosen: Mapping[splits.Split, Mapping[str, int]], rows: pa.Table
) -> dict[str, Any]:
    """Return what the manifest says about the recipes, their rows, and the code that read them."""
    trained = sorted({day for split in chosen for day in split.train_days})
    return {
        "spec": json.loads(model.model_dump_json(exclude=IN_DBT)),
        "windows": vars(windows_of(model)),
        "recipes": {split.recipe.name: described(split.recipe, n) for split, n in chosen.items()},
        "train_days": [day.isoformat() for day in trained],
        "test_days": [day.isoformat() for day in next(iter(chosen)).test_days],
        **hashed(model, rows),
        "commit": commit(),
    }


def hashed(model: MlModel, rows: pa.Table) -> dict[str, Any]:
    """Return the types of what is learned from, and a hash for each day's rows."""
    types = guard.types_of(rows)
    return {
        "columns": {name: types[name] for name in schema(model, rows).features},
        "partitions": by_day(rows, model.time),
    }


def identity(manifest: Mapping[str, Any]) -> str:
    """Return the hash of what a manifest says; whichever snapshot holds these rows is the same."""
    said = {name: value for name, value in manifest.items() if name not in BESIDE}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def described(recipe: Recipe, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return a recipe as the manifest has it."""
    values = {name: value for name, value in vars(recipe).items() if name != "name"}
    return {**values, "since": recipe.since and recipe.since.isoformat(), "rows": dict(rows)}


def worth_training(
    model: MlModel,
    as_of: date,
    offers: Sequence[splits.Split],
    rows: pa.Table,
    resting: Collection[str],
) -> dict[splits.Split, dict[str, int]]:
    """Return the splits that teach different things from enough rows, and their rows by use.

    What would teach the same as a recipe that rests, rests with it. Raises NoEvidenceError where
    none is left that has the rows that the model asks for.
    """
    different = distinct_splits(offers, rows, schema(model, rows))
    counts = {split: n for split, n in different.items() if split.recipe.name not in resting}
    enough = {split: n for split, n in counts.items() if matured(n) >= model.train.min_rows}
    if not enough:
        most = max(map(matured, counts.values()), default=0)
        raise NoEvidenceError(
            f"{model.name} {as_of}: {most} training rows have matured, "
            f"train.min_rows is {model.train.min_rows}: wait, or lower it"
        )
    return enough


def sound_rows(lake: Lake, model: MlModel, days: Sequence[date], snapshot: int) -> pa.Table:
    """Return the labelled rows of `days`; raises UnsoundRowsError where they break a rule."""
    rows = labelled(lake, model, days, snapshot)
    guard.require_sound(rows, model)
    return rows


def rows_of(
    lake: Lake, model: MlModel, manifest: Mapping[str, Any], split: splits.Split
) -> tuple[splits.Parts, Schema]:
    """Return the labelled rows of a split, read at the manifest's snapshot, and their columns."""
    snapshot = manifest["snapshot"]
    blocked = blocked_days(lake, model, snapshot)
    unfit = unfit_days(lake, model, split.days, snapshot)
    rows = labelled(lake, model, without(split.days, {*blocked, *unfit}), snapshot)
    columns = schema(model, rows)
    return split.parts(rows, columns), columns


def split_from(manifest: Mapping[str, Any], recipe: str) -> splits.Split:
    """Return the split of a recipe that a manifest was made with."""
    make = splits.alarm if manifest["lane"] == "alarm" else splits.normal
    first = manifest["judged_from"]
    return make(
        date.fromisoformat(manifest["as_of"]),
        splits.Windows(**manifest["windows"]),
        recipe_from(manifest, recipe),
        date.fromisoformat(first) if first else None,
    )


def recipe_from(manifest: Mapping[str, Any], name: str) -> Recipe:
    """Return a recipe as a manifest describes it."""
    kept = manifest["recipes"][name]
    since = kept["since"] and date.fromisoformat(kept["since"])
    return Recipe(name, kept["window_days"], kept["every_days"], kept["half_life_days"], since)


def learned_days(manifest: Mapping[str, Any], recipe: str, kind: str) -> tuple[date, ...]:
    """Return the days that a version may have learned from; kind: `candidate` or `refit`."""
    return split_for(manifest, recipe, kind).train_days


def split_for(manifest: Mapping[str, Any], recipe: str, kind: str) -> splits.Split:
    """Return the split that a version was trained with; kind: `candidate` or `refit`."""
    if kind == "candidate":
        return split_from(manifest, recipe)
    as_of, windows = date.fromisoformat(manifest["as_of"]), splits.Windows(**manifest["windows"])
    return splits.refit(as_of, windows, recipe_from(manifest, recipe))


def decided(lake: Lake, model: MlModel, as_of: date) -> tuple[str, list[str]]:
    """Return lane and reasons of the day's decision; a day without one is trained by hand."""
    found = lake.rows(
        "select lane, reasons from ledger.decisions where model = ? and as_of = ?",
        [model.name, as_of],
    )
    if not found:
        return "normal", ["started by hand"]
    return found[0]["lane"] or "normal", json.loads(found[0]["reasons"])


def checksums(
    lake: Lake, model: MlModel, days: Sequence[date], snapshot: int | None = None
) -> dict[str, str]:
    """Return the dbt checksum of features and labels over `days`, at a snapshot of the lake.

    Raises NoEvidenceError where one table holds days made by different versions of its model.
    """
    found = lake.read(
        """select table_name, checksum, min(day) as first, max(day) as last
        from ledger.partitions where table_name in (?, ?) and day in (select unnest(?))
        group by table_name, checksum order by table_name, first""",
        [model.features.table, model.label.table, list(days)],
        snapshot,
    ).to_pylist()
    one = {row["table_name"]: row["checksum"] for row in found}
    if len(one) < len(found):
        spans = "; ".join(
            f"{r['table_name']} {r['first']}..{r['last']} by {r['checksum'][:8]}" for r in found
        )
        raise NoEvidenceError(
            f"{model.name}: training days were made by different dbt models ({spans}): backfill "
            "the older days, then train"
        )
    return one


def commit() -> str:
    """Return the code's commit, with `+` where files differ from it; `unknown` outside git."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "describe", "--always", "--abbrev=40", "--dirty=+"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
