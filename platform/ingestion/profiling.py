"""What a pass has written, by day: lines read and accepted, and profiles; one query by DuckDB."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from declaration import Column, RawTable
from ingestion.audit import Counts
from ingestion.profile import ColumnProfile, Profile
from ingestion.publish import HIVE_TYPES
from resources.lake import quoted


def profiled(folder: str, table: RawTable, threads: int) -> dict[date, tuple[Counts, Profile]]:
    """Return the lines that were read and accepted, and the accepted ones' profile, by day.

    folder: what `reading.write_rows` has written.
    """
    # listed here, as DuckDB would take a star or a bracket in the lake's path for a pattern
    files = [str(file) for file in sorted(Path(folder).glob("*/*/*/*.parquet"))]
    if not files:
        return {}
    measured = {
        f"{field}_{number}": (column.name, field, value, summary)
        for number, column in enumerate(table.columns)
        for field, (value, summary) in _measured(column).items()
    }
    values = "".join(f", {value} as {alias}" for alias, (_, _, value, _) in measured.items())
    summaries = "".join(
        f", {summary.format(alias)} as {alias}" for alias, (_, _, _, summary) in measured.items()
    )
    with duckdb.connect(config={"threads": threads}) as connection:
        found = connection.execute(
            f"""with rows as (select * from read_parquet(?, hive_types = {HIVE_TYPES})),
            counted as (
                select _day, count(*) as _read, count(*) filter (where not _rejected) as _accepted
                from rows group by _day
            ),
            accepted as (
                select _day, {_hour(table)} as _hour {values} from rows where not _rejected
                window in_file_order as (partition by _day order by _line)
            ),
            summed as (
                select _day, min(_hour) as _first, max(_hour) as _last {summaries}
                from accepted group by _day
            )
            select * from counted left join summed using (_day)""",
            [files],
        ).to_arrow_table()
    names = {alias: (name, field) for alias, (name, field, _, _) in measured.items()}
    return {row["_day"]: _profile(row, names) for row in found.to_pylist()}


def _measured(column: Column) -> dict[str, tuple[str, str]]:
    """Return what is measured of a column, by the field of ColumnProfile.

    Of each value, and how the values of a day are put together.
    """
    value = quoted(column.name)
    found: dict[str, tuple[str, str]] = {}
    if column.is_number:
        found["median"] = f"{value}::double", "quantile_disc({}, 0.5)"
    if column.stored_type == "varchar":
        found["distinct"] = value, "count(distinct {0}) / nullif(count({0}), 0)"
    if column.data_type == "varchar" and not column.pii:
        found["length"] = f"length({value})", "avg({})"
    if all(test.name != "not_null" for test in column.tests):
        missing = f"({value} is null)"
        found["nulls"] = f"{missing}::integer", "avg({})"
        found["breaks"] = (
            f"({missing} <> lag({missing}) over in_file_order)::integer",
            "avg({})",
        )
    return found


def _hour(table: RawTable) -> str:
    """Return the hours from midnight to a row's event, null where the table has no such time."""
    name = table.ingest.event_time
    if not any(c.name == name and c.data_type == "timestamp" for c in table.columns):
        return "null::double"
    time = quoted(str(name))
    return f"hour({time}) + minute({time}) / 60 + second({time}) / 3600"


def _profile(
    row: Mapping[str, Any], names: Mapping[str, tuple[str, str]]
) -> tuple[Counts, Profile]:
    fields: dict[str, dict[str, float]] = {}
    for alias, (name, field) in names.items():
        fields.setdefault(name, {})[field] = row[alias]
    columns = {name: ColumnProfile(**values) for name, values in fields.items()}
    profile = Profile(
        rows=row["_accepted"], first=row["_first"], last=row["_last"], columns=columns
    )
    return Counts(row["_read"], row["_accepted"]), profile
