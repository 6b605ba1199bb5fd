"""What a candidate learns from: a manifest that names rows exactly, not a copy of them."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from declaration import MlModel
from errors import NoEvidenceError
from examples import labelled, schema
from lifecycle import guard, store
from lifecycle.champions import rival_of
from lifecycle.quality import blocked_days
from lifecycle.splits import judged_from, split_of, windows_of
from lifecycle.tested import unfit_days, without
from ml import splits
from ml.fingerprint import by_day
from ml.schema import Schema
from resources.lake import Lake
from resources.settings import CHECKOUT

WHAT = "training_sets"
COLUMNS = {"feature_columns", "label_columns"}  # the manifest names types, dbt's checksum the code


def build(lake: Lake, model: MlModel, as_of: date) -> dict[str, Any]:
    """Choose the rows of a decision day and keep their manifest.

    The manifest names snapshot, split, a hash per day, columns, dbt checksums, code commit, and the
    days left out with why. Raises NoEvidenceError for too few rows, or for days that different dbt
    models have made; UnsoundRowsError for rows that break a declared rule.
    """
    lane, reasons = decided(lake, model, as_of)
    first = judged_from(lake, model, as_of, lane)
    split = split_of(model, as_of, lane, first)
    snapshot = lake.snapshot()
    learned = sorted({*split.days, *splits.refit(as_of, windows_of(model), split).days})
    blocked = sorted(blocked_days(lake, model) & set(learned))
    unfit = unfit_days(lake, model, learned, snapshot)
    used = without(learned, {*blocked, *unfit})
    rows = sound_rows(lake, model, used, snapshot)
    rows = guard.rows_without(rows, model.time, without(used, split.days))
    columns = schema(model, rows)
    parts = split.parts(rows, columns)
    require_rows(model, as_of, parts)
    manifest = {
        "model": model.name,
        "as_of": as_of.isoformat(),
        "lane": lane,
        "reasons": reasons,
        "champion": rival_of(lake, model.name, as_of),
        "judged_from": first and first.isoformat(),
        "spec": json.loads(model.model_dump_json(exclude=COLUMNS)),
        "windows": vars(windows_of(model)),
        "train_days": [day.isoformat() for day in split.train_days],
        "test_days": [day.isoformat() for day in split.test_days],
        "blocked_days": [day.isoformat() for day in blocked],
        "unfit_days": {day.isoformat(): why for day, why in unfit.items()},
        "columns": {name: guard.types_of(rows)[name] for name in columns.features},
        "rows": {name: getattr(parts, name).num_rows for name in ("train", "holdout", "test")},
        "partitions": by_day(rows, model.time),
        "dbt": checksums(lake, model, used, snapshot),
        "commit": commit(),
    }
    manifest["id"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    manifest["snapshot"] = snapshot
    store.keep(lake, model, WHAT, as_of, manifest)
    return manifest


def sound_rows(lake: Lake, model: MlModel, days: Sequence[date], snapshot: int) -> pa.Table:
    """Return the labelled rows of `days`; raises UnsoundRowsError where they break a rule."""
    rows = labelled(lake, model, days, snapshot)
    guard.require_sound(rows, model)
    return rows


def require_rows(model: MlModel, as_of: date, parts: splits.Parts) -> None:
    """Raise NoEvidenceError where fewer rows have matured than the model asks for."""
    found = parts.train.num_rows + parts.holdout.num_rows
    if found < model.train.min_rows:
        raise NoEvidenceError(
            f"{model.name} {as_of}: {found} training rows have matured, train.min_rows is "
            f"{model.train.min_rows}: wait, or lower it"
        )


def rows_of(
    lake: Lake, model: MlModel, manifest: dict[str, Any], split: splits.Split
) -> tuple[splits.Parts, Schema]:
    """Return the labelled rows of a split, read at the manifest's snapshot, and their columns."""
    snapshot = manifest["snapshot"]
    blocked = blocked_days(lake, model, snapshot)
    unfit = unfit_days(lake, model, split.days, snapshot)
    rows = labelled(lake, model, without(split.days, {*blocked, *unfit}), snapshot)
    columns = schema(model, rows)
    return split.parts(rows, columns), columns


def split_from(model: MlModel, manifest: dict[str, Any]) -> splits.Split:
    """Return the split that a manifest was made with."""
    first = manifest["judged_from"]
    return split_of(
        model,
        date.fromisoformat(manifest["as_of"]),
        manifest["lane"],
        date.fromisoformat(first) if first else None,
    )


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
