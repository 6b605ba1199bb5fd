"""A year of daily runs with weekly upkeep and without: files, bytes, catalog, processor time.

    python bench/lake_upkeep.py --days 365

Writes what daily work writes, by the same statements and functions, into two new lakes in a
temporary folder: a delivery's Parquet file, features and labels by day, predictions, losses, checks
and decisions, and a training every week. No Spark and no dbt is started, so a year takes minutes.
"""

import json
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer

import ledger
from examples import replace_days
from lifecycle import champions
from resources.lake import Lake, attach, literal
from upkeep.lake import TRAVEL, keep_up

FIRST, HORIZON, COLUMNS = date(2024, 1, 1), 14, 40
LINES, CUSTOMERS, REJECTS = 2_000, 2_500, 3
FEATURES = ", ".join(f"f{n} double" for n in range(COLUMNS))
REPEATS = 7

QUERIES = {
    "one day of features": "select * from features.f where as_of = date '2024-02-01'",
    "a year of training rows": "select f.*, l.label from features.f join features.l as l "
    "using (customer_id, as_of) order by f.as_of, f.customer_id",
    "raw rows as of a day": "select sum(x) from raw.lines join (select day as _day, delivery as "
    "_delivery from ledger.deliveries where known_from <= date '2024-02-01' and "
    "coalesce(known_to, date '9999-01-01') > date '2024-02-01') using (_day, _delivery)",
    "the ledger's decisions": "select * from ledger.decisions order by as_of desc limit 5",
}


def main(days: Annotated[int, typer.Option(min=15)] = 365) -> None:
    """Print a table for the documentation."""
    with tempfile.TemporaryDirectory() as folder:
        lakes = {name: new_lake(Path(folder) / name) for name in ("without", "weekly upkeep")}
        spent = work(lakes, days)
        spaces = {name: space(lake) for name, lake in lakes.items()}
        times = read_times(lakes)
    print(f"| after {days} days | " + " | ".join(lakes) + " |")
    print("|---|" + "---|" * len(lakes))
    for figures in (spaces, times, spent):
        for what in figures["without"]:
            print(f"| {what} | " + " | ".join(figures[name][what] for name in lakes) + " |")


def new_lake(folder: Path) -> Lake:
    """Return a lake with the tables that deliveries and dbt write."""
    (folder / "data").mkdir(parents=True)
    lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/", threads=2)
    ledger.prepare(lake)

    def create(db: duckdb.DuckDBPyConnection) -> None:
        db.execute("create table raw.lines (x double, s varchar, _line bigint, _day date, "
                   "_delivery varchar)")  # fmt: skip
        db.execute("create table quarantine.lines (_day date, _line bigint, _fields varchar)")
        for table, columns in (("f", FEATURES), ("l", "label integer")):
            db.execute(
                f"create table features.{table} (customer_id varchar, as_of date, {columns})"
            )
            db.execute(f"alter table features.{table} set partitioned by (as_of)")

    lake.transact(create)
    return lake


def work(lakes: dict[str, Lake], days: int) -> dict[str, dict[str, str]]:
    """Do every day's writes in both lakes, day by day; returns what they took."""
    took: dict[str, list[float]] = {name: [] for name in lakes}
    upkeeps = []
    for number in range(days):
        for name, lake in lakes.items():
            took[name].append(spent_on(work_a_day, lake, number))
        if number % 7 == 6 and number < days - 7:  # the last week is not yet kept up
            upkeeps.append(spent_on(keep_up, lakes["weekly upkeep"], in_a_week(), str))
    told = {
        name: {
            "writing a day, first month": seconds(times[:30]),
            "writing a day, last month": seconds(times[-30:]),
            "one upkeep, last month": "",
        }
        for name, times in took.items()
    }
    told["weekly upkeep"]["one upkeep, last month"] = seconds(upkeeps[-4:])
    return told


def work_a_day(lake: Lake, number: int) -> None:
    """Do the writes of one day; the same number writes the same rows."""
    random = np.random.default_rng(number)
    day = FIRST + timedelta(days=number)
    deliver(lake, day, random)
    build(lake, "f", day, features(day, random))
    if number >= HORIZON:
        build(lake, "l", day - timedelta(days=HORIZON), labels(day, random))
    watch(lake, day, random)
    if number % 7 == 6:
        train(lake, day, number // 7)


def in_a_week() -> datetime:
    """Return a time at which every snapshot that is there now has grown old."""
    return datetime.now(UTC) + TRAVEL


def deliver(lake: Lake, day: date, random: np.random.Generator) -> None:
    """Publish a delivery as `ingestion.publish` does."""
    place = Path(lake.data) / "raw" / "lines" / uuid.uuid4().hex / "_rejected=false" / f"_day={day}"
    file = place / "_delivery=d" / "part-0.parquet"
    file.parent.mkdir(parents=True)
    lines = {"x": random.normal(size=LINES), "s": [str(n) for n in random.integers(0, 4000, LINES)]}
    pq.write_table(pa.table({**lines, "_line": range(LINES)}), file, compression="zstd")

    def publish(db: duckdb.DuckDBPyConnection) -> None:
        db.execute(
            f"call ducklake_add_data_files('lake', 'lines', {literal(str(file))}, "
            "schema => 'raw', hive_partitioning => true, allow_missing => true)"
        )
        rejects = [(day, line, "{}") for line in range(REJECTS)]
        db.executemany("insert into quarantine.lines values (?, ?, ?)", rejects)
        row = {"table_name": "lines", "day": day, "delivery": "d", "status": "published"}
        ledger.insert(db, "deliveries", {**row, "known_from": day})

    lake.transact(publish)


def build(lake: Lake, table: str, day: date, rows: pa.Table) -> None:
    """Write a day as dbt's `range_overwrite` does."""

    def write(db: duckdb.DuckDBPyConnection) -> None:
        db.register("new_rows", rows)
        db.execute(f"delete from features.{table} where as_of = ?", [day])
        db.execute(f"insert into features.{table} select * from new_rows order by as_of")
        db.execute("delete from ledger.partitions where table_name = ? and day = ?", [table, day])
        ledger.insert(db, "partitions", {"table_name": table, "day": day, "rows": CUSTOMERS})
        db.unregister("new_rows")

    lake.transact(write)


def features(day: date, random: np.random.Generator) -> pa.Table:
    """Return a day's features, one row per customer."""
    columns = {f"f{n}": random.normal(size=CUSTOMERS).round(3) for n in range(COLUMNS)}
    return pa.table({**keys(day), **columns})


def labels(day: date, random: np.random.Generator) -> pa.Table:
    """Return the labels that mature on a day."""
    values = random.integers(0, 2, CUSTOMERS).astype("int32")
    return pa.table({**keys(day - timedelta(days=HORIZON)), "label": values})


def keys(day: date) -> dict[str, object]:
    """Return customers and day of a day's rows."""
    customers = [f"customer-{n:05d}" for n in range(CUSTOMERS)]
    return {"customer_id": customers, "as_of": pa.array([day] * CUSTOMERS, pa.date32())}


def watch(lake: Lake, day: date, random: np.random.Generator) -> None:
    """Keep predictions, loss, document, checks and decision of a day."""
    scores = pa.table({**keys(day), "prediction": random.random(CUSTOMERS)})
    columns = "customer_id varchar, as_of date, prediction double"
    replace_days(lake, "m_predictions", [day], scores, "as_of", columns)
    loss = pa.table({"as_of": [day], "loss": [0.5]})
    replace_days(lake, "m_performance", [day], loss, "as_of", "as_of date, loss double")
    keep(lake, "m_drift", day, {"checks": ["x" * 100] * 40})
    for name in ("features", "prediction", "performance", "incidents"):
        key = {"model": "m", "as_of": day, "name": name}
        ledger.put(lake, "checks", key, {"passed": True, "reason": "below its limit"})
    ledger.put(lake, "decisions", {"model": "m", "as_of": day}, {"kind": "none", "evidence": "{}"})


def train(lake: Lake, day: date, number: int) -> None:
    """Keep a training: every fourth goes live."""
    snapshot = lake.snapshot()
    keep(lake, "m_training_sets", day, {"snapshot": snapshot, "partitions": ["x" * 64] * 365})
    for version, kind in ((2 * number + 1, "candidate"), (2 * number + 2, "refit")):
        row = {"as_of": day, "kind": kind, "snapshot": snapshot}
        ledger.put(lake, "versions", {"model": "m", "version": version}, row)
    version, key = 2 * number + 2, {"model": "m", "as_of": day}
    verdict = {"version": version, "promoted": number % 4 == 0, "reasons": [], "evidence": "{}"}
    champions.keep_verdict(lake, key, verdict, champions.rival_of(lake, "m", day))


def keep(lake: Lake, table: str, day: date, document: dict) -> None:
    """Keep a JSON document of a day."""
    rows = pa.table({"as_of": [day], "document": [json.dumps(document)]})
    replace_days(lake, table, [day], rows, "as_of", "as_of date, document varchar")


def space(lake: Lake) -> dict[str, str]:
    """Return what a lake occupies."""
    files = list(Path(lake.data).rglob("*.parquet"))
    catalog = Path(lake.catalog.removeprefix("sqlite:")).stat().st_size
    snapshots = lake.rows("select count(*) as n from lake.snapshots()")[0]["n"]
    return {
        "Parquet files": f"{len(files):,}",
        "their bytes, MB": f"{sum(file.stat().st_size for file in files) / 1e6:.0f}",
        "catalog, MB": f"{catalog / 1e6:.1f}",
        "snapshots": f"{snapshots:,}",
    }


def read_times(lakes: dict[str, Lake]) -> dict[str, dict[str, str]]:
    """Return what reading takes; the lakes take turns."""
    took: dict[str, dict[str, list[float]]] = {name: {} for name in lakes}
    for _ in range(REPEATS):
        for name, lake in lakes.items():
            opened = spent_on(attach, lake.catalog, lake.data, 2)
            took[name].setdefault("attach", []).append(opened)
            for what, query in QUERIES.items():
                read = spent_on(lake.read, query)
                took[name].setdefault(what, []).append(read)
    return {name: {what: seconds(t) for what, t in times.items()} for name, times in took.items()}


def spent_on(call: Callable[..., object], *arguments: object) -> float:
    """Return the processor time of a call, all threads: it does not depend on who else works."""
    began = process_time()
    call(*arguments)
    return process_time() - began


def seconds(took: list[float]) -> str:
    """Return a median with its unit."""
    return f"{median(took):.3f} s"


if __name__ == "__main__":
    typer.run(main)
