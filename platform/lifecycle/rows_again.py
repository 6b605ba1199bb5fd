"""The rows that a version was made from, read again at its snapshot, and what was kept of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from examples import labelled
from lifecycle import lost, training_set
from lifecycle.registered import Registered
from ml.fingerprint import fingerprint
from ml.reproduction import Compared
from ml.schema import Schema
from ml.splits import Parts
from resources.lake import Lake


@dataclass(frozen=True)
class Again:
    """The rows of a version read again: by use, and what its manifest says of them now."""

    parts: Parts
    columns: Schema
    manifest: Mapping[str, Any]
    hashes: Mapping[str, str]


def read_again(lake: Lake, known: Registered) -> Again:
    """Read what a version was made from, at its snapshot; raises NoEvidenceError for lost days."""
    manifest, model, snapshot = known.manifest, known.model, known.manifest["snapshot"]
    split = training_set.split_for(manifest, known.row["recipe"], known.row["kind"])
    hashed = [date.fromisoformat(day) for day in sorted(known.hashes)]
    with lost.still_there(lake, model, sorted({*hashed, *split.days}), snapshot, hashed):
        rows = labelled(lake, model, hashed, snapshot)
        now = training_set.hashed(model, rows)
        hashes = now["partitions"]
        if gone := [day for day in hashed if day.isoformat() not in hashes]:
            empty = lost.empty(lake, model, gone, snapshot)
            raise lost.error_of(model, snapshot, "they have no rows", empty)
        parts, columns = training_set.rows_of(lake, model, manifest, split)
        now["partitions"] = {day: hashes[day] for day in manifest["partitions"]}
        now["dbt"] = training_set.checksums(lake, model, hashed, snapshot)
    said = {name: now[name] for name in manifest if name in now}  # an older one has less
    return Again(parts, columns, {**manifest, **said}, hashes)


def changed(known: Registered, again: Again) -> tuple[str, ...]:
    """Return the partitions, as `table day`, whose rows are not those that were kept."""
    tables = "/".join(lost.tables_of(known.model))
    days = [day for day, kept in known.hashes.items() if again.hashes[day] != kept]
    return tuple(f"{tables} {day}" for day in sorted(days))


def unhashed(known: Registered, again: Again) -> list[Compared]:
    """Return the days of which no hash was kept: older refits have learned from such days."""
    learned = pc.unique(again.parts.train[known.model.time].cast(pa.date32())).to_pylist()
    days = sorted(day for day in learned if day.isoformat() not in known.hashes)
    if not days:
        return []
    what = f"hashes of {len(days)} days of {days[0]}..{days[-1]}"
    return [Compared(what, None, fingerprint(again.parts.train))]
