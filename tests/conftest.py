"""What several folders of tests share: a home of its own, a real lake, one Spark session."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from pyspark.sql import SparkSession
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

import ledger
from resources.dbt import manifest
from resources.lake import Lake
from resources.settings import CHECKOUT, SPINS, Settings, settings
from resources.spark import spark_resource
from simulation.run import Summary, simulate
from simulation.shop import Shop

os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # before PyTorch loads: workers share the cores

VARIABLES = (
    "LEEWAY_ALERT_URLS",
    "LEEWAY_DAGSTER_URL",
    "LEEWAY_HOME",
    "LEEWAY_LANDING",
    "LEEWAY_LAKE_CATALOG",
    "LEEWAY_LAKE_DATA",
    "LEEWAY_DAGSTER_STORAGE",
    "LEEWAY_EXIT_AT",
    "LEEWAY_MEMORY",
    "LEEWAY_MLFLOW_URI",
    "LEEWAY_PII_KEY",
    "LEEWAY_SPARK",
    "LEEWAY_START",
    "LEEWAY_THREADS",
    "DBT_PROJECT_DIR",
    "DAGSTER_HOME",
    "PGPASSWORD",
)

LONGEST = ("test_crashes.py", "test_history.py")  # minutes: each begins on a worker of its own
QUICK_JAVA = "-XX:TieredStopAtLevel=1"  # a test's Spark ends before the better compiler pays


class ByGroup(LoadScopeScheduling):
    """Keeps the tests of one group on one worker: they share what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    """Distribute by group; the marks of `--dist loadgroup` do not reach this pytest's node ids."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that all workers end together."""
    slow = {group_of(item.nodeid) for item in items if item.get_closest_marker("slow")}
    groups = {item: group_of(item.nodeid) for item in items}
    items.sort(key=lambda item: (groups[item] not in LONGEST, groups[item] not in slow))


def group_of(nodeid: str) -> str:
    """Return the folder of a test, or its file where that lies in no folder."""
    return nodeid.split("::")[0].removeprefix("tests/").split("/")[0]


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No test reads the settings of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("JAVA_TOOL_OPTIONS", QUICK_JAVA)
        yield


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty LEEWAY_HOME; `settings()` reads it, and the environment is restored afterwards."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    settings.cache_clear()
    os.environ["LEEWAY_HOME"] = str(tmp_path / "home")
    yield tmp_path / "home"
    settings.cache_clear()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def new_lake(folder: Path) -> Lake:
    """A DuckLake on SQLite in `folder`, its ledger prepared."""
    (folder / "data").mkdir(parents=True)
    made = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/", threads=2)
    ledger.prepare(made)
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return new_lake(tmp_path / "lake")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    """The one Spark session of the test run, as the platform configures it."""
    loaded = Settings(home=tmp_path_factory.mktemp("spark"), spark="local[2]", threads=2)
    return spark_resource(loaded).spark_session


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """A real instance that is gone after the test."""
    with DagsterInstance.ephemeral() as made:
        yield made


@dataclass(frozen=True)
class Simulated:
    """A small simulated shop and the landing folder of its dumps."""

    landing: Path
    summary: Summary


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Thirty days of a shop of 60 customers."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop(days=30, customers=60, seed=5)
    return Simulated(folder / "landing", simulate(folder / "landing", folder / "truth", shop))


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory, clean_environment: None) -> dict[str, Any]:
    """The default project's manifest; parsing takes seconds, so all tests share it."""
    return dict(manifest(tmp_path_factory.mktemp("parsed"), CHECKOUT / "dbt_project"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The landing folder of the real shop."""
    given = os.environ.get("LEEWAY_REAL_DATA", CHECKOUT / "../shared/data/online_retail_ii")
    if not any((Path(given) / "order_lines").glob("*.csv.gz")):
        pytest.skip(f"the real dumps are not at {given}: set LEEWAY_REAL_DATA")
    return Path(given).resolve()


@dataclass(frozen=True)
class Postgres:
    """A throwaway server; every connection needs the password, which is in PGPASSWORD only."""

    port: int
    binaries: Path

    def database(self) -> str:
        """Make an empty database and return its name."""
        name = f"d{uuid.uuid4().hex}"
        command = [str(self.binaries / "createdb"), "-h", "127.0.0.1", "-p", str(self.port)]
        subprocess.run([*command, "-U", "leeway", name], check=True)
        return name

    def drop(self, name: str) -> None:
        """Take a database away from whoever works with it."""
        command = [str(self.binaries / "dropdb"), "-h", "127.0.0.1", "-p", str(self.port)]
        subprocess.run([*command, "-U", "leeway", "--force", name], check=True)

    def libpq(self, name: str) -> str:
        """A database's connection for DuckLake."""
        return f"host=127.0.0.1 port={self.port} user=leeway dbname={name}"

    def url(self, name: str) -> str:
        """A database's connection for Dagster and MLflow."""
        return f"postgresql://leeway@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres(clean_environment: None) -> Iterator[Postgres]:
    """A Postgres for the session, as user `postgres` where root runs the tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no Postgres in /usr/lib/postgresql: install the package postgresql")
    binaries, folder = found[-1].parent, Path(tempfile.mkdtemp(prefix="leeway-postgres-"))
    password = folder / "password"
    password.write_text("only for tests\n")
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
        shutil.chown(password, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = [f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync"]
    data = ["-D", str(folder / "data")]
    options = f"-c listen_addresses=127.0.0.1 -c fsync=off -p {port} -k {folder}"
    start = [*data, "-w", "-l", str(folder / "log"), "-o", options, "start"]
    quietly = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*user, binaries / "initdb", *data, "-U", "leeway", *secret], **quietly)
    subprocess.run([*user, binaries / "pg_ctl", *start], **quietly)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", password.read_text().strip())
        yield Postgres(port, binaries)
    subprocess.run([*user, binaries / "pg_ctl", *data, "-m", "immediate", "stop"], **quietly)
    shutil.rmtree(folder)
