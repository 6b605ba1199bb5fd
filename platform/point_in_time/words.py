"""An audit in words, for the terminal, the Dagster UI and an alert."""

from datetime import date

from point_in_time.findings import Audit, Finding, Origin, TableAudit

RANGE = "changes with the days it is built together with, whatever was known"
UNTOLD = "no later delivery makes it: rows of held deliveries, or of relations without a clock"
STORED = "the SQL gives the known value today: other macros, vars, rows or days made it"


def reason(finding: Finding) -> str:
    """Return what makes a difference, no more than was tried."""
    if finding.why != "later":
        return {"range": RANGE, "untold": UNTOLD, "stored": STORED}[finding.why]
    told = f"right as known on {finding.known_until}, not on {finding.moved_on}"
    if finding.made_on and finding.made_on > finding.moved_on:  # type: ignore[operator]
        told += f", this value from {finding.made_on} on"
    more = f" and {finding.more_origins} more" if finding.more_origins else ""
    origins = "; ".join(map(named, finding.origins)) or "nothing of this entity"
    return f"{told}: {origins}{more}"


def named(origin: Origin) -> str:
    """Return the name of a delivery, or of a day of a table by day."""
    which = f"delivery {origin.delivery}" if origin.delivery else "its rows"
    return f"{origin.table} of {origin.day} ({which}, known from {origin.known_from})"


def differing(table: TableAudit) -> list[dict[str, str | int]]:
    """Return a row for each column that differs: days, stored and recomputed cells, row by row."""
    found: dict[str, dict[str, str | int]] = {}
    for day in table.days:
        for each in day.counts:
            name = each.column or "(row)"
            row = found.setdefault(name, {"column": name, "days": 0, "stored": 0, "recomputed": 0})
            for key, more in (
                ("days", 1),
                ("stored", each.stored),
                ("recomputed", each.recomputed),
            ):
                row[key] = int(row[key]) + more
    return list(found.values())


def examples(table: TableAudit, most: int) -> list[dict[str, str]]:
    """Return rows of what differs: every column once, then further ones, up to `most`."""
    seen: dict[str | None, int] = {}
    ranked: list[tuple[int, date, Finding]] = []
    for day in table.days:
        for finding in day.findings:
            seen[finding.column] = seen.get(finding.column, 0) + 1
            ranked.append((seen[finding.column], day.day, finding))
    ranked.sort(key=lambda each: each[0])
    return [_row(day, finding) for _, day, finding in ranked[:most]]


def _row(day: date, finding: Finding) -> dict[str, str]:
    values = {name: getattr(finding, name) for name in ("known", "stored", "recomputed")}
    return {
        "day": str(day),
        "column": finding.column or "(row)",
        "entity": finding.entity,
        **{name: "null" if value is None else value for name, value in values.items()},
        "because": reason(finding),
    }


def summary(audit: Audit) -> str:
    """Return one sentence for each table."""
    return " ".join(
        f"{table.table}: {len(table.days)} of {table.fit_days} days, {verdict(table)}."
        for table in audit.tables
    )


def verdict(table: TableAudit) -> str:
    """Return whether a table's days hold what was known on them."""
    if not table.days:
        return "nothing to audit: no day was made by the present SQL and passed"
    if table.stored:
        return f"{table.stored} stored cells are not what was known"
    if table.recomputed:
        return f"stored as known, but a backfill would write {table.recomputed} cells otherwise"
    return "all as known"
