"""The report's figures as text, the same in every form."""

from impact.report import Impact, ModelImpact, TableImpact


def title_of(found: Impact) -> str:
    """Return what was compared, in a line."""
    files = "1 file differs" if len(found.files) == 1 else f"{len(found.files)} files differ"
    told = f"{files} from {found.base} ({found.commit[:10]})"
    if found.days:
        told += f"; looked at {len(found.days)} days, {found.days[0]} to {found.days[-1]}"
    return told


def rows_of(table: TableImpact) -> str:
    """Return what becomes of a table's rows."""
    told = f"{table.rows_before:,} rows before, {table.rows_after:,} after"
    if table.gained or table.lost:
        told += f"; {table.gained:,} gained, {table.lost:,} lost ({'; '.join(table.examples)})"
    return f"{told}; {table.repeated:,} keys repeated" if table.repeated else told


def columns_of(table: TableImpact) -> list[tuple[str, str, str, str]]:
    """Return a row for each column that differs: name, change, shift, share of nulls."""
    return [
        (
            column.name,
            column.what,
            "" if column.shift is None else f"{column.shift:.3f}",
            _nulls(column.nulls_before, column.nulls_after),
        )
        for column in table.columns
    ]


def champion_facts(model: ModelImpact) -> list[tuple[str, str]]:
    """Return what the live version makes of the new rows."""
    live = model.champion
    if live is None:
        return []
    if live.cannot:
        return [("live version", live.cannot)]
    facts = [
        ("live version", f"{live.version}, on {live.rows:,} rows that both have"),
        ("predictions move by", f"{live.moved:.5f} on average, {live.moved_sd:.3f} sd"),
    ]
    if live.flipped is not None:
        point = "" if live.operating_point is None else f" at {live.operating_point:.3f}"
        facts.append((f"change sides{point}", f"{live.flipped:.2%}"))
    return facts


def challenger_facts(model: ModelImpact) -> list[tuple[str, str]]:
    """Return what the same training makes of old and of new rows."""
    made = model.challenger
    if made is None:
        return []
    metric = made.metric.replace("_", " ")
    return [
        (
            "trained on",
            f"{made.train_rows:,} rows, with seeds {', '.join(map(str, made.seeds))}",
        ),
        ("judged on", f"{made.test_rows:,} rows of {made.test_days} later days"),
        (f"{metric}, old and new", f"{made.before:.5f}, {made.after:.5f} {made.unit} a row"),
        ("difference", f"{made.difference:+.5f}, 95 % within {made.low:+.5f}..{made.high:+.5f}"),
        ("two seeds differ by", f"{made.seed_noise:.5f}"),
    ]


def _nulls(before: float | None, after: float | None) -> str:
    parts = ["" if share is None else f"{share:.1%}" for share in (before, after)]
    return parts[0] if parts[0] == parts[1] else " → ".join(part or "none" for part in parts)
