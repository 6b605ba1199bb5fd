"""Taking files in: beside a plain Spark copy of them, and beside Pandera on pandas.

    python -m bench.speed.ingest [--lines 10000000]

All three read the same files. Ours does what `leeway run` does, month by month: read, check every
row, quarantine, profile, audit, publish. The copy reads text with a schema and writes Parquet.
Pandera on pandas reads, checks every row, keeps rejects apart and writes Parquet, day by day.
"""

import tempfile
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.speed.child import Timer, alone
from bench.speed.shop import SPEED_RESULTS, simulated

LINES = 10_000_000
SCHEMA = (
    "invoice string, stock_code string, description string, quantity int, invoice_date timestamp, "
    "price decimal(18,4), customer_id string, country string"
)
NAMES = [part.split()[0] for part in SCHEMA.split(", ")]
NUMBERS = ("quantity", "price")


def main(
    lines: Annotated[int, typer.Option(min=1000)] = LINES, landing: Path | None = None
) -> None:
    """Measure all three, one after another, and keep it; landing: dumps that are there already."""
    SPEED_RESULTS.keep("ingest", measured(lines, landing))


def measured(lines: int, landing: Path | None = None) -> dict[str, Any]:
    """Lines per second and peak memory of each."""
    with tempfile.TemporaryDirectory() as folder:
        files = landing or simulated(Path(folder), lines)
        found = {}
        for side in (copy, ours, pandas):
            cost = alone(side, files=files, folder=Path(folder, side.__name__))
            found[side.__name__] = {**vars(cost), "lines_per_second": cost.found / cost.seconds}
            print(side.__name__, found[side.__name__])
    return found


def days_in(files: str) -> list[date]:
    """The days that have a file."""
    names = sorted(path.name for path in Path(files, "order_lines").glob("*.csv.gz"))
    return [date.fromisoformat(name[:10]) for name in names]


def ours(timer: Timer, files: str, folder: str) -> int:
    """Take the files in as the raw asset does; returns lines."""
    from declared import declared
    from ingestion.publish import create_all
    from ingestion.take_in import take_in
    from ledger import prepare
    from resources.dbt import manifest
    from resources.lake import lake_of
    from resources.settings import Settings

    home = Settings(home=Path(folder))
    home.dagster_home.mkdir(parents=True)
    (home.home / "lake" / "data").mkdir(parents=True)
    table = declared(manifest(home.home, home.dbt_project_dir)).tables[0]
    lake = lake_of(home)
    prepare(lake)
    create_all(lake, [table])
    spark = session(folder)
    read = 0
    for _, month in groupby(days_in(files), key=lambda day: (day.year, day.month)):
        with timer.running():
            intake = take_in(
                lake, lambda: spark, table, list(month), files, b"key", home.home / "staging"
            )
        read += sum(delivery.read for delivery in intake.deliveries)
    return read


def copy(timer: Timer, files: str, folder: str) -> int:
    """Copy the files to Parquet by the session that ours has; returns lines."""
    spark = session(folder)
    with timer.running():
        rows = spark.read.csv(f"{files}/order_lines", schema=SCHEMA, header=True)
        rows.write.parquet(f"{folder}/copy")
    return spark.read.parquet(f"{folder}/copy").count()


def pandas(timer: Timer, files: str, folder: str) -> int:
    """Check each day by the table's Pandera schema on pandas, rejects apart; returns lines."""
    import pandas as pd

    from declared import declared
    from ingestion.contract import failures, schema_of
    from resources.dbt import manifest
    from resources.settings import Settings

    home = Settings(home=Path(folder))
    table = declared(manifest(home.home, home.dbt_project_dir)).tables[0]
    schema, read = schema_of(table), 0
    for day in days_in(files):
        with timer.running():
            frame = pd.read_csv(
                f"{files}/order_lines/{day}.csv.gz", names=NAMES, header=0, dtype="string",
                on_bad_lines="skip", index_col=False,
            )  # fmt: skip
            for name in NUMBERS:
                frame[name] = pd.to_numeric(frame[name], errors="coerce")
            frame["invoice_date"] = pd.to_datetime(frame["invoice_date"], errors="coerce")
            broken = frame.index.isin(failures(schema, frame).keys())
            frame[~broken].to_parquet(f"{folder}/{day}.parquet", compression="zstd")
            frame[broken].to_parquet(f"{folder}/{day}.rejects.parquet", compression="zstd")
        read += len(frame)
    return read


def session(folder: str) -> Any:
    """The platform's Spark session, started; neither side is charged for its start."""
    from resources.settings import Settings
    from resources.spark import spark_resource

    spark = spark_resource(Settings(home=Path(folder))).spark_session
    spark.range(1).count()
    return spark


if __name__ == "__main__":
    typer.run(main)
