"""Taking files in: beside a plain Spark copy of them, and beside Pandera on pandas.

    python -m bench.speed.ingest [--quick]

Ours does what `leeway run` does, range by range: read, check every row, quarantine, hide personal
values, profile, audit, publish. The copy reads text with a schema and writes Parquet. Pandera on
pandas reads, casts and checks every row, keeps rejects with their reasons apart, hides personal
values and writes Parquet, day by day; loosely it does less, see `pandas_loosely`.
"""

import tempfile
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import typer

from assets.partitions import days_between
from bench.speed.child import Timer, alone
from bench.speed.shop import finish, simulated
from declared import declared
from ingestion.contract import failures, pseudonyms, schema_of
from ingestion.publish import create_all
from ingestion.take_in import Loader, take_in
from ledger import prepare
from plan import ranges
from resources.dbt import manifest
from resources.lake import lake_of
from resources.settings import Settings
from resources.spark import spark_resource

LINES, QUICK_LINES = 10_000_000, 200_000
DAYS, QUICK_DAYS = 365, 20
SCHEMA = (
    "invoice string, stock_code string, description string, quantity int, invoice_date timestamp, "
    "price decimal(18,4), customer_id string, country string"
)
NAMES = [part.split()[0] for part in SCHEMA.split(", ")]
SOME = 10  # pandas does every tenth day, at the same speed as all


def main(quick: bool = False, landing: Path | None = None) -> None:
    """Measure each, one after another; landing: dumps of so many lines that are there already."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = (QUICK_LINES, QUICK_DAYS) if quick else (LINES, DAYS)
        files = landing or simulated(Path(folder), *sizes)
        found = {}
        for side in (copy, ours, pandas, pandas_loosely):
            place = Path(folder, side.__name__)
            place.mkdir()
            cost = alone(side, files=files, folder=place)
            found[side.__name__] = {**vars(cost), "lines_per_second": cost.found / cost.seconds}
    finish("ingest", found, quick=quick or landing is not None)


def days_in(files: str) -> list[date]:
    """The days that have a file."""
    names = sorted(path.name for path in Path(files, "order_lines").glob("*.csv.gz"))
    return [date.fromisoformat(name[:10]) for name in names]


def ours(timer: Timer, files: str, folder: str) -> int:
    """Take the files in as the raw asset does; returns lines."""
    home, table = Settings(home=Path(folder)), contract(folder)
    home.dagster_home.mkdir(parents=True)
    (home.home / "lake" / "data").mkdir(parents=True)
    lake, spark = lake_of(home), session(folder)
    prepare(lake)
    create_all(lake, [table])
    loader = Loader(lake, lambda: spark, table, files, b"key", home.home / "staging")
    dumped, read = days_in(files), 0
    for first, last in ranges(days_between(dumped[0], dumped[-1]), {}):
        days = days_between(first, last)
        with timer.running():
            intake = take_in(loader, days)
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
    """Exact prices, rejects with their reasons, personal values hidden; returns lines."""
    schema, pseudonym, read = schema_of(contract(folder)), pseudonyms(b"key"), 0
    for day in days_in(files)[::SOME]:
        with timer.running():
            frame = texts(files, day)
            given = frame.copy()
            frame["price"] = frame["price"].map(exact, na_action="ignore")
            broken = failures(schema, typed(frame))
            for each in (frame, given):
                each["customer_id"] = each["customer_id"].map(pseudonym, na_action="ignore")
            frame.drop(index=list(broken)).to_parquet(f"{folder}/{day}.parquet", compression="zstd")
            rejected = given.loc[list(broken)].assign(reasons=list(broken.values()))
            rejected.to_parquet(f"{folder}/{day}.rejected.parquet", compression="zstd")
        read += len(frame)
    return read


def pandas_loosely(timer: Timer, files: str, folder: str) -> int:
    """Do less: prices are floats, rejects have no reasons, no personal value is hidden."""
    import pandas as pd

    schema, read = schema_of(contract(folder)), 0
    for day in days_in(files)[::SOME]:
        with timer.running():
            frame = texts(files, day)
            frame["price"] = pd.to_numeric(frame["price"], errors="coerce")
            broken = frame.index.isin(failures(schema, typed(frame)).keys())
            frame[~broken].to_parquet(f"{folder}/{day}.parquet", compression="zstd")
            frame[broken].to_parquet(f"{folder}/{day}.rejected.parquet", compression="zstd")
        read += len(frame)
    return read


def texts(files: str, day: date) -> Any:
    """A day's file as texts."""
    import pandas as pd

    return pd.read_csv(
        f"{files}/order_lines/{day}.csv.gz", names=NAMES, header=0, dtype=str,
        on_bad_lines="skip", index_col=False,
    )  # fmt: skip


def typed(frame: Any) -> Any:
    """The frame with its numbers and times; what is none is missing."""
    import pandas as pd

    frame["quantity"] = pd.to_numeric(frame["quantity"], errors="coerce")
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"], errors="coerce")
    return frame


def exact(text: str) -> Decimal | None:
    """A price as the contract has it, or None."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def contract(folder: str) -> Any:
    """The raw table as the dbt project declares it, which is parsed once for all sides."""
    home = Settings(home=Path(folder).parent / "contract")
    return declared(manifest(home.home, home.dbt_project_dir)).tables[0]


def session(folder: str) -> Any:
    """The platform's Spark session, started; no side is charged for its start."""
    spark = spark_resource(Settings(home=Path(folder))).spark_session
    spark.sparkContext.setLogLevel("ERROR")  # the copy's names are not the header's
    spark.range(1).count()
    return spark


if __name__ == "__main__":
    typer.run(main)
