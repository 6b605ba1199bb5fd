"""The same raw assets on a Spark of several processes and on a Spark Connect server: same rows."""

import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest

import ledger
from ingestion import reading
from ingestion.take_in import Loader, take_in
from resources.lake import Lake
from resources.settings import CHECKOUT
from resources.spark import require_server

KEY = "a key for tests"
PATHS = f"{CHECKOUT / 'platform'}:{CHECKOUT}"
DAYS = FIRST, SECOND, THIRD = [date(2024, 3, n) for n in (1, 2, 3)]
MATERIALIZE = """
import pickle, sys
from pathlib import Path
from dagster import DagsterInstance, DailyPartitionsDefinition, materialize
import ledger
from assets.raw import raw_asset
from resources.lake import lake_of
from resources.settings import settings
from resources.spark import spark_resource

tables, days = pickle.loads(Path(sys.argv[1]).read_bytes())
assets = [raw_asset(t, DailyPartitionsDefinition(str(days[0])), settings(), {}) for t in tables]
lake = lake_of(settings())
ledger.prepare(lake)
resources = {"lake": lake, "spark": spark_resource(settings())}
span = {"dagster/asset_partition_range_start": str(days[0]),
        "dagster/asset_partition_range_end": str(days[-1])}
with DagsterInstance.ephemeral() as instance:
    materialize(assets, resources=resources, tags=span, instance=instance)
"""
TWICE = """
import sys
from dagster import DagsterInstance, ResourceParam, asset, materialize
from ml.distributed import session
from resources.settings import Settings
from resources.spark import SparkSessions, spark_resource

@asset
def counted(spark: ResourceParam[SparkSessions]) -> None:
    print(spark.spark_session.range(3).count(), "rows", flush=True)

def run() -> None:
    with DagsterInstance.ephemeral() as instance:
        materialize([counted], resources={"spark": spark_resource(Settings())}, instance=instance)

run()
sys.stdin.readline()
run()
with session() as own:
    print(own.sparkContext.master)
"""


@pytest.fixture(scope="module")
def tables(sales, declare) -> list:
    """A table of each format; the first is unique by day, and the second a child of it."""
    csv, json_lines, parquet = (
        sales(path=f"{{landing}}/{kind}/{{partition}}.{kind}", format=kind)
        for kind in ("csv", "json", "parquet")
    )
    others = csv.columns[1:]
    unique = declare("order", tests={"unique": {}, "not_null": {}})
    child = declare("order", tests={"relationships": {"to": "csv", "field": "order"}})
    return [
        csv.model_copy(update={"name": "csv", "columns": (unique, *others)}),
        json_lines.model_copy(update={"name": "json", "columns": (child, *others)}),
        parquet.model_copy(update={"name": "parquet"}),
    ]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of each table: two headers, ends of line of two kinds, and rows of every kind."""
    folder = tmp_path_factory.mktemp("landing")
    for kind in ("csv", "json", "parquet"):
        (folder / kind).mkdir()
    (folder / "csv" / f"{FIRST}.csv").write_bytes(
        b"\xef\xbb\xbforder,sold_at,quantity,amount,customer,channel\r\n"
        b'1001,2024-03-01 09:00:00,1,2.5,"o\'neill, ""tim""\r\n\r\nof cork",web\r\n'
        b"1002,2024-03-01 09:00:00,many,2.5,ann,web\r\n"
        b"1003,2024-03-01 09:00:00,1,2.5\r\n"
        b"1005,2024-03-01 09:00:00,99,2.5,,fax\r\n"
        b"1005,2024-03-01 09:00:00,1,2.5,ann,web\r\n"
        b"1004,2024-03-02 09:00:00,1,2.5,ann,web\r\n"
    )
    (folder / "csv" / f"{SECOND}.csv").write_text(
        "channel,Price,When,order,Customer ID,note,quantity\n"
        + "".join(f"web,2.5,{SECOND} 09:00:00,{n},Größe {n},x,1\n" for n in range(1000, 3000))
    )
    sale = {"order": "1001", "sold_at": f"{FIRST} 09:00:00", "quantity": 1, "amount": 2.5,
            "customer": "ann", "channel": "web"}  # fmt: skip
    texts = [json.dumps(sale), "", '{"order": "1004", torn', json.dumps({**sale, "order": "9"})]
    (folder / "json" / f"{FIRST}.json").write_text("\r\n".join(texts))
    (folder / "json" / f"{THIRD}.json").write_text(json.dumps(sale))
    for day, changes in ((FIRST, {}), (SECOND, {"quantity": 2**40, "customer": None})):
        rows = [{**sale, "sold_at": f"{day} 10:00:00"}, {**sale, **changes}]
        pq.write_table(pa.Table.from_pylist(rows), folder / "parquet" / f"{day}.parquet")
    return folder


def rows_of(lake: Lake) -> dict[str, list[dict]]:
    """Every row of raw, quarantine and ledger, without what the clock gives."""
    found = {
        f"{schema}.{name}": lake.rows(f"from {schema}.{name} order by _day, _delivery, _line")
        for schema in ("raw", "quarantine")
        for name in ("csv", "json", "parquet")
    }
    ledger = "select * exclude (written_at) from ledger.deliveries order by table_name, day"
    return {**found, "ledger": lake.rows(ledger)}


@pytest.fixture(scope="module")
def expected(spark, landing: Path, tables, tmp_path_factory) -> dict[str, list[dict]]:
    """What the threads of one process make of the files."""
    return taken_in(spark, landing, tables, tmp_path_factory.mktemp("threads"))


def taken_in(spark, landing: Path, tables, folder: Path) -> dict[str, list[dict]]:
    (folder / "data").mkdir()
    lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/", threads=2)
    ledger.prepare(lake)
    for table in tables:
        staging = folder / "staging"
        loader = Loader(lake, lambda: spark, table, str(landing), KEY.encode(), staging)
        take_in(loader, DAYS)
    return rows_of(lake)


@pytest.fixture
def materialized(landing: Path, tables, tmp_path: Path) -> Callable[..., dict[str, list[dict]]]:
    """What raw assets on another Spark make of the files, in a process of its own."""

    def by(spark: str, **more: str) -> dict[str, list[dict]]:
        (tmp_path / "asked").write_bytes(pickle.dumps((tables, DAYS)))
        home = tmp_path / "home"
        mine = {
            "LEEWAY_HOME": str(home), "LEEWAY_LANDING": str(landing), "LEEWAY_PII_KEY": KEY,
            "LEEWAY_SPARK": spark, "LEEWAY_THREADS": "2", "PYTHONPATH": PATHS, **more,
        }  # fmt: skip
        command = [sys.executable, "-c", MATERIALIZE, str(tmp_path / "asked")]
        subprocess.run(command, env=os.environ | mine, check=True)
        lake = home / "lake"
        return rows_of(
            Lake(catalog=f"sqlite:{lake}/catalog.sqlite", data=f"{lake}/data/", threads=2)
        )

    return by


@contextmanager
def served(home: Path, port: int) -> Iterator[str]:
    """The address of a Spark Connect server as `make dev` starts it."""
    mine = {"LEEWAY_HOME": str(home), "LEEWAY_SPARK": "local[2]", "PYTHONPATH": PATHS}
    command = [sys.executable, "-m", "resources.spark_server", str(port)]
    with subprocess.Popen(command, env=os.environ | mine) as process:
        require_server(f"sc://127.0.0.1:{port}", within=120)
        yield f"sc://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_the_files_have_rows_of_every_kind(expected) -> None:
    counts = {name: len(rows) for name, rows in expected.items()}
    assert counts == {
        "raw.csv": 2001, "raw.json": 1, "raw.parquet": 3, "ledger": 9,
        "quarantine.csv": 5, "quarantine.json": 3, "quarantine.parquet": 1,
    }  # fmt: skip


def test_many_tasks_make_the_same_rows_of_the_same_files(
    spark, landing: Path, tables, expected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TASK_ROWS", 1)
    assert taken_in(spark, landing, tables, tmp_path) == expected


@pytest.mark.slow
def test_several_processes_make_the_same_rows_of_the_same_files(
    expected, materialized, tmp_path: Path
) -> None:
    spark_home = tmp_path / "spark"  # where its workers keep their logs
    spark_home.mkdir()
    for part in ("bin", "jars"):
        (spark_home / part).symlink_to(Path(pyspark.__file__).parent / part)
    assert materialized("local-cluster[2,1,1024]", SPARK_HOME=str(spark_home)) == expected
    assert len(list((spark_home / "work").glob("app-*/*/stderr"))) >= 2


@pytest.mark.slow
def test_a_spark_connect_server_makes_the_same_rows_of_the_same_files(
    expected, materialized, tmp_path: Path, port: int
) -> None:
    with served(tmp_path, port) as address:
        assert materialized(address) == expected


@pytest.mark.slow
def test_a_process_outlives_its_server_and_may_start_a_spark_of_its_own(
    tmp_path: Path, port: int
) -> None:
    mine = {"LEEWAY_SPARK": f"sc://127.0.0.1:{port}", "LEEWAY_HOME": str(tmp_path)}
    command, pipe = [sys.executable, "-c", TWICE], subprocess.PIPE
    environment = os.environ | mine | {"PYTHONPATH": PATHS}
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        with served(tmp_path, port):
            assert process.stdout.readline() == "3 rows\n"
        with served(tmp_path, port):
            assert process.communicate("the server is another one\n")[0] == "3 rows\nlocal[1]\n"
    assert process.returncode == 0
