"""Many processes write one lake at once while a reader looks: SQLite and Postgres catalogs."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

import ledger
from declaration import RawTable
from declared import declared
from ingestion.publish import Delivery, create_all, publish
from ingestion.take_in import Loader, take_in
from resources.dbt import DBT
from resources.lake import EXTENSIONS, Lake, install_extension
from resources.settings import CHECKOUT

FIRST, WRITERS, DAYS_EACH = date(2024, 1, 1), 8, 3
DAYS = [FIRST + timedelta(days=n) for n in range(WRITERS * DAYS_EACH)]
# Imports cost more than the work, so they are done once; every writer is a forked process. All of
# them wait until the last one is ready: the end of a pipe that nobody writes to any more says so.
WRITE = """
import faulthandler, os, pickle, sys
from datetime import date
import ledger
faulthandler.enable()
from ingestion.publish import create_all, publish
from resources.lake import Lake

def prepare(lake, table, _):
    ledger.prepare(lake)
    create_all(lake, [table])

def publish_batch(lake, table, batch):
    deliveries, folder = batch
    lake.transact(lambda connection: publish(connection, table, deliveries, folder, {}))

def put(lake, _, writer):
    ledger.put(lake, "decisions", {"model": "churn", "as_of": date(2024, 1, 1)}, {"kind": writer})

catalog, data, name, table, works = pickle.load(sys.stdin.buffer)
ready, is_ready = os.pipe()
go, going = os.pipe()
children = []
for work in works:
    if not (child := os.fork()):
        os.close(going)
        lake = Lake(catalog=catalog, data=data)
        if name != "prepare":  # that makes the catalog, too
            lake.rows("select 1")
        os.write(is_ready, b"x")
        os.read(go, 1)
        globals()[name](lake, table, work)
        sys.stdout.flush()
        os._exit(0)
    children.append(child)
os.close(is_ready)  # so that a child that ends early is not waited for
for _ in children:
    os.read(ready, 1)
os.close(going)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""
WITHOUT_TIME = {
    "deliveries": "* exclude (written_at)",
    "partitions": "* exclude (written_at)",
}


Batch = tuple[list[Delivery], str]


@dataclass(frozen=True)
class Batches:
    """What was read and audited beforehand: deliveries and the folder of their rows."""

    table: RawTable
    all: list[Batch]


@pytest.fixture(scope="module")
def batches(parsed, spark, small_shop, tmp_path_factory: pytest.TempPathFactory) -> Batches:
    """Every day taken in by one writer; its Parquet files can be added to other lakes as well."""
    folder = tmp_path_factory.mktemp("one-writer")
    (folder / "data").mkdir()
    lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/")
    ledger.prepare(lake)
    [table] = declared(parsed).tables
    landing, staging = str(small_shop.landing), folder / "staging"
    loader = Loader(lake, lambda: spark, table, landing, b"key", staging)
    found: list[Batch] = []
    for n in range(WRITERS):
        intake = take_in(loader, DAYS[n * DAYS_EACH :][:DAYS_EACH])
        folders = {str(place) for place in (folder / "data" / "raw" / table.name).glob("*")}
        [written] = folders - {place for _, place in found}
        found.append((list(intake.deliveries), written))
    return Batches(table, found)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A lake that nothing has been made in, on either catalog."""
    (tmp_path / "data").mkdir()
    if request.param == "sqlite":
        return Lake(catalog=f"sqlite:{tmp_path}/catalog.sqlite", data=f"{tmp_path}/data/")
    server = request.getfixturevalue("postgres")
    catalog = f"postgres:{server.libpq(server.database())}"
    return Lake(catalog=catalog, data=f"{tmp_path}/data/")


def environment(lake: Lake) -> dict[str, str]:
    """Variables of a child process that works on the lake."""
    paths = os.pathsep.join([str(CHECKOUT / "platform"), str(CHECKOUT)])
    lakes = {"LEEWAY_LAKE_CATALOG": lake.catalog, "LEEWAY_LAKE_DATA": lake.data}
    return {**os.environ, **lakes, "PYTHONPATH": paths}


def writers(
    name: str, lake: Lake, table: RawTable, works: Sequence[Batch | str]
) -> subprocess.Popen:
    """A process for each of the works, under one that ends when all of them have."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(lake),
    )  # fmt: skip
    process.stdin.write(pickle.dumps((lake.catalog, lake.data, name, table, works)))
    process.stdin.close()
    return process


def dbt(lake: Lake, place: Path, *words: str) -> subprocess.Popen:
    """A dbt process on the lake; tests and unit tests are other tests' matter."""
    kind = lake.catalog.split(":", 1)[0]
    for name in ("ducklake", EXTENSIONS[kind]):
        install_extension(name)
    project = CHECKOUT / "dbt_project"
    folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", place]
    return subprocess.Popen(
        [DBT, "--no-use-colors", "run", *folders, "--log-path", place, *words],
        env=environment(lake), stdout=subprocess.PIPE,
    )  # fmt: skip


def build(lake: Lake, place: Path, days: Sequence[date]) -> subprocess.Popen:
    """A dbt process that builds features and labels of a range."""
    span = ["--event-time-start", str(days[0]), "--event-time-end", str(days[-1] + timedelta(1))]
    return dbt(lake, place, "--select", "config.materialized:incremental", *span)


def finish(process: subprocess.Popen) -> None:
    """Wait for a process and show what it printed where it failed."""
    told = process.stdout.read()
    assert process.wait() == 0, told


def watched(lake: Lake, query: str, processes: Sequence[subprocess.Popen]) -> Iterator[list[dict]]:
    """What a reader sees, again and again, while the processes work."""
    while any(process.poll() is None for process in processes):
        yield lake.rows(query)
    yield lake.rows(query)


def one_writer(batches: Batches, folder: Path) -> Lake:
    """A lake that one process has written."""
    (folder / "data").mkdir(parents=True)
    lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/")
    ledger.prepare(lake)
    create_all(lake, [batches.table])
    publish_all(lake, batches)
    return lake


def publish_all(lake: Lake, batches: Batches) -> None:
    """One transaction after another."""
    for deliveries, place in batches.all:
        lake.transact(
            partial(publish, table=batches.table, deliveries=deliveries, folder=place, horizons={})
        )


def rows(lake: Lake, schema: str, table: str) -> list[tuple]:
    """All rows of a table in an order of their own."""
    chosen = WITHOUT_TIME.get(table, "*")
    with lake.connect() as connection:
        return connection.execute(f"select {chosen} from {schema}.{table} order by all").fetchall()


def test_many_processes_prepare_a_new_lake_at_once(empty: Lake, batches: Batches) -> None:
    finish(writers("prepare", empty, batches.table, [""] * WRITERS))
    assert empty.rows("select count(*) as n from ledger.deliveries") == [{"n": 0}]
    assert rows(empty, "raw", batches.table.name) == []


def test_a_row_that_many_processes_write_at_once_is_there_once(
    empty: Lake, batches: Batches
) -> None:
    ledger.prepare(empty)
    finish(writers("put", empty, batches.table, [str(n) for n in range(WRITERS)]))
    assert empty.rows("select count(*) as n from ledger.decisions") == [{"n": 1}]


def test_processes_publish_days_at_once_and_a_reader_sees_whole_days_only(
    empty: Lake, batches: Batches, tmp_path: Path
) -> None:
    ledger.prepare(empty)
    create_all(empty, [batches.table])
    process = writers("publish_batch", empty, batches.table, batches.all)
    query = f"""select day, rows_accepted as told, (
            select count(*) from raw.{batches.table.name} where _day = day) as found
        from ledger.deliveries"""
    seen = [row for rows in watched(empty, query, [process]) for row in rows]
    finish(process)
    assert [row for row in seen if row["told"] != row["found"]] == []
    assert {row["day"] for row in seen} == set(DAYS)
    alone = one_writer(batches, tmp_path / "alone")
    for schema, table in [
        ("raw", batches.table.name), ("quarantine", batches.table.name), ("ledger", "deliveries"),
    ]:  # fmt: skip
        assert rows(empty, schema, table) == rows(alone, schema, table)


@pytest.mark.slow
@pytest.mark.parametrize(("empty", "writers"), [("sqlite", 8), ("postgres", 8)], indirect=["empty"])
def test_processes_rebuild_features_at_once_and_a_reader_sees_whole_days_only(
    empty: Lake, writers: int, batches: Batches, tmp_path: Path
) -> None:
    ledger.prepare(empty)
    create_all(empty, [batches.table])
    publish_all(empty, batches)
    finish(dbt(empty, tmp_path / "views", "--select", "config.materialized:view"))
    finish(build(empty, tmp_path / "alone", DAYS))
    tables = [("features", "customer_features"), ("features", "customer_labels")]
    before = [rows(empty, *table) for table in (*tables, ("ledger", "partitions"))]
    each = len(DAYS) // writers
    processes = [
        build(empty, tmp_path / f"writer{n}", DAYS[n * each : (n + 1) * each])
        for n in range(writers)
    ]
    query = "select as_of, count(*) as n from features.customer_features group by all order by all"
    whole = empty.rows(query)
    assert all(seen == whole for seen in watched(empty, query, processes))
    for process in processes:
        finish(process)
    assert [rows(empty, *table) for table in (*tables, ("ledger", "partitions"))] == before
    assert before[0]
