"""Judge deliveries: which are published, which are held, and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from declaration import RawTable
from ingestion.audit import Counts, Recent, before, hold_reason, is_short, warnings
from ingestion.deliveries import recent_days, same_files
from ingestion.landing import Landed
from ingestion.profile import Profile
from ingestion.publish import Delivery
from resources.lake import Lake

Found = Mapping[date, tuple[Counts, Profile]]
UNREAD = (Counts(0, 0), Profile())


def counted(file: Landed, counts: Counts) -> Counts:
    """Return a delivery's counts beside the number of records that another reader has found."""
    return replace(counts, records=file.records)


def counts_of(row: Mapping[str, Any]) -> Counts:
    """Return what the ledger keeps of a delivery's lines."""
    return Counts(row["rows_read"], row["rows_accepted"])


def audited(
    lake: Lake,
    table: RawTable,
    changed: Sequence[Landed],
    found: Found,
    history: Sequence[dict[str, Any]],
) -> list[Delivery]:
    """Judge every changed day, ascending; what is published becomes a yardstick of later days.

    found: what Spark has read of them. history: the ledger's deliveries of the days.
    """
    inside = {file.day for file in changed}
    recent = recent_days(lake, table.name, changed[0].day, changed[-1].day)
    hashes = [file.file_hash for file in changed if file.file_hash]
    files = {h: day for day, h in same_files(lake, table.name, hashes) if day not in inside}
    current = {row["day"]: row for row in history}
    published = {
        row["day"]: row["rows_accepted"] for row in history if row["status"] == "published"
    }
    deliveries = []
    for file in changed:
        counts, profile = found.get(file.day, UNREAD)
        usual = before(recent, file.day)
        held = (
            file.problem
            or _withdrawn(file, published.get(file.day), current.get(file.day))
            or _repeated(file, counts, files)
            or hold_reason(counted(file, counts), profile, usual, table.ingest.max_reject_rate)
        )
        if is_short(counted(file, counts)):
            counts, profile = UNREAD  # none of its rows were written
        told = () if held else warnings(file.day, profile, usual, published.get(file.day))
        replaces = current[file.day]["delivery"] if file.day in current else None
        deliveries.append(Delivery(file, counts, profile, held, told, replaces))
        if counts.read and file.file_hash:
            files.setdefault(file.file_hash, file.day)
        if not held:
            recent = [known for known in recent if known.day != file.day]
            recent.append(Recent(file.day, profile))
    return deliveries


def _withdrawn(file: Landed, rows: int | None, newest: Mapping[str, Any] | None) -> str | None:
    """Return why a day that has lost its file is held: what was stays until a person decides."""
    if file.file:
        return None
    if newest and newest["status"] == "held":
        told = f"the file is gone, its delivery was held: {newest['reason']}"
        return told if newest["file"] else str(newest["reason"])
    return f"the file is gone, {rows} rows of it are published" if rows else None


def _repeated(file: Landed, counts: Counts, files: Mapping[str, date]) -> str | None:
    """Return why a file that another day has delivered already is held."""
    other = files.get(file.file_hash or "")
    return f"the same file as of {other}" if other and counts.read else None
