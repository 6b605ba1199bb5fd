"""What a candidate learns from: a manifest that names rows exactly, not a copy of them."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from declaration import MlModel
from errors import NoEvidenceError
from examples import labelled, schema
from ledger import champion_on
from lifecycle import store
from lifecycle.quality import blocked_days
from lifecycle.splits import judged_from, split_of, windows_of
from ml import splits
from ml.fingerprint import by_day
from ml.schema import Schema
from resources.lake import Lake
from resources.settings import CHECKOUT

WHAT = "training_sets"


def build(lake: Lake, model: MlModel, as_of: date) -> dict[str, Any]:
    """Choose the rows of a decision day and keep their manifest.

    The manifest names snapshot, split, a hash per day, dbt checksums and code commit. Raises
    NoEvidenceError for too few rows, or for days that different dbt models have made.
    """
    lane, reasons = decided(lake, model, as_of)
    first = judged_from(lake, model, as_of, lane)
    split = split_of(model, as_of, lane, first)
    snapshot = lake.snapshot()
    blocked = sorted(blocked_days(lake, model) & set(split.days))
    rows = labelled(lake, model, without(split.days, blocked), snapshot)
    parts = split.parts(rows, schema(model, rows))
    if parts.train.num_rows + parts.holdout.num_rows < model.train.min_rows:
        raise NoEvidenceError(
            f"{model.name} {as_of}: {parts.train.num_rows + parts.holdout.num_rows} training rows "
            f"have matured, train.min_rows is {model.train.min_rows}: wait, or lower it"
        )
    manifest = {
        "model": model.name,
        "as_of": as_of.isoformat(),
        "lane": lane,
        "reasons": reasons,
        "champion": champion_on(lake, model.name, as_of),
        "judged_from": first and first.isoformat(),
        "spec": json.loads(model.model_dump_json()),
        "windows": vars(windows_of(model)),
        "train_days": [day.isoformat() for day in split.train_days],
        "test_days": [day.isoformat() for day in split.test_days],
        "blocked_days": [day.isoformat() for day in blocked],
        "rows": {name: getattr(parts, name).num_rows for name in ("train", "holdout", "test")},
        "partitions": by_day(rows, model.time),
        "dbt": checksums(lake, model, split.days),
        "commit": commit(),
    }
    manifest["id"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    manifest["snapshot"] = snapshot
    store.keep(lake, model, WHAT, as_of, manifest)
    return manifest


def without(days: Sequence[date], blocked: Collection[date]) -> list[date]:
    """Return `days` without those that held deliveries have made unreliable."""
    return [day for day in days if day not in blocked]


def rows_of(
    lake: Lake, model: MlModel, manifest: dict[str, Any], split: splits.Split
) -> tuple[splits.Parts, Schema]:
    """Return the labelled rows of a split, read at the manifest's snapshot, and their columns."""
    snapshot = manifest["snapshot"]
    blocked = blocked_days(lake, model, snapshot)
    rows = labelled(lake, model, without(split.days, blocked), snapshot)
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


def checksums(lake: Lake, model: MlModel, days: tuple[date, ...]) -> dict[str, str]:
    """Return the dbt checksum of features and labels over `days`.

    Raises NoEvidenceError where one table holds days made by different versions of its model.
    """
    found = lake.rows(
        """select table_name, checksum, min(day) as first, max(day) as last
        from ledger.partitions where table_name in (?, ?) and day in (select unnest(?))
        group by table_name, checksum order by table_name, first""",
        [model.features.table, model.label.table, list(days)],
    )
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
