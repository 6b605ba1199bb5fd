"""All settings, read from the environment once; `LEEWAY_` is the prefix."""

import json
import logging
import os
import secrets
import shutil
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import SetupError
from resources.connections import refuse_bucket, refuse_passwords, require_spark, with_driver
from resources.folders import made_once, refuse_inside

logger = logging.getLogger("leeway")
CHECKOUT = Path(__file__).resolve().parents[2]
BESIDE = {  # variables with the prefix that are read elsewhere: by dbt, a bench, fault injection
    "LEEWAY_DEV_SCHEMA", "LEEWAY_PROCESS", "LEEWAY_EVENT_TIME_START", "LEEWAY_EVENT_TIME_END",
    "LEEWAY_REAL_DATA", "LEEWAY_EXIT_AT",
}  # fmt: skip
POSTGRES_STORAGE = "storage: {{postgres: {{postgres_url: {url}}}}}\n"

# How often PyTorch's threads look for work before they sleep. By default that takes milliseconds:
# where other processes want the cores too, an epoch took ten times as long. Alone it costs nothing.
SPINS = "1000"


class Settings(BaseSettings):
    """Where things live. Every field is an environment variable, e.g. `LEEWAY_HOME`.

    home: state of this installation; deleting the folder resets everything.
    landing: folder of the nightly dumps, `{landing}` in a table's `ingest.path`.
    lake_catalog, lake_data: DuckLake's catalog (`sqlite:` or `postgres:` connection) and data path.
    dagster_storage: `postgresql://` URL of Dagster's runs, events and ticks; SQLite in `home`
        without it.
    mlflow_uri: MLflow tracking and registry server or database.
    mlflow_url: where people open the MLflow UI; links in the Dagster UI point there.
    spark: a Spark master URL, or a Spark Connect server's `sc://host:port`.
    memory: what one DuckDB may hold, dbt's or a step's, e.g. `2GB`; more goes to files in `home`.
    start: first day of every partitioned asset; by default the earliest `ingest.start` declared.
    alert_urls: apprise's addresses that alerts go to, with spaces between; without any, the log.
    dagster_url: where people open Dagster; links in alerts point there.
    pii_key: key of the pseudonyms; without it `home/pii.key` is made.
    dbt_project_dir: the dbt project that declares everything (`DBT_PROJECT_DIR`).
    """

    model_config = SettingsConfigDict(env_prefix="LEEWAY_", extra="ignore")

    home: Path = CHECKOUT / "var"
    landing: str = ""
    lake_catalog: str = ""
    lake_data: str = ""
    dagster_storage: str = ""
    mlflow_uri: str = ""
    mlflow_url: str = "http://127.0.0.1:5000"
    spark: str = "local[*]"
    start: date | None = None
    pii_key: SecretStr | None = None
    alert_urls: SecretStr | None = None
    dagster_url: str = "http://127.0.0.1:3000"
    memory: str = Field(default="2GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    dbt_project_dir: Path = Field(
        default=CHECKOUT / "dbt_project",
        validation_alias=AliasChoices("DBT_PROJECT_DIR", "dbt_project_dir"),
    )

    def model_post_init(self, _context: object) -> None:
        """Derive what was not set from `home`; paths become absolute, so workers agree on them.

        Raises SetupError where a connection carries a password: these strings are shown, where
        LEEWAY_SPARK is nothing that Spark knows, and where a folder lies in the lake's data.
        """
        refuse_passwords(self.lake_catalog, self.dagster_storage, self.mlflow_uri)
        refuse_bucket(self.lake_data)
        require_spark(self.spark)
        self.home = self.home.expanduser().resolve()
        self.dbt_project_dir = self.dbt_project_dir.expanduser().resolve()
        self.landing = self.landing or str(self.home / "landing")
        if "://" not in self.landing:
            self.landing = str(Path(self.landing).expanduser().resolve())
        self.lake_catalog = self.lake_catalog or f"sqlite:{self.home}/lake/catalog.sqlite"
        self.lake_data = self.lake_data or f"{self.home}/lake/data/"
        refuse_inside(self.lake_data, self.beside_the_lake)
        self.dagster_storage = with_driver(self.dagster_storage)
        self.mlflow_uri = with_driver(self.mlflow_uri or f"sqlite:///{self.home}/mlflow.db")

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.home / "dagster"

    @property
    def evidently(self) -> Path:
        """Evidently's workspace: the drift reports of the last decision days."""
        return self.home / "evidently"

    @property
    def checkpoints(self) -> Path:
        """States of trainings that are under way, or were killed, by model."""
        return self.home / "checkpoints"

    @property
    def beside_the_lake(self) -> dict[str, str | Path]:
        """Folders that may not lie in the lake's data, by the name of what they hold."""
        names = ("mlartifacts", "staging", "evidently")
        kept = {f"home's {name}": self.home / name for name in names}
        landing = {} if "://" in self.landing else {"LEEWAY_LANDING": self.landing}
        return {**landing, **kept, "DBT_PROJECT_DIR": self.dbt_project_dir}

    @property
    def environment(self) -> dict[str, str]:
        """Variables for child processes (dbt, Dagster, Spark workers); holds no secret."""
        return {
            "LEEWAY_HOME": str(self.home),
            "LEEWAY_LANDING": self.landing,
            "LEEWAY_MEMORY": self.memory,
            "LEEWAY_LAKE_CATALOG": self.lake_catalog,
            "LEEWAY_LAKE_DATA": self.lake_data,
            "LEEWAY_DAGSTER_STORAGE": self.dagster_storage,
            "DBT_PROJECT_DIR": str(self.dbt_project_dir),
            "DAGSTER_HOME": str(self.dagster_home),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", SPINS),
        }


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, with `home` made and ready for Dagster and the lake."""
    loaded = Settings()
    warn_of_unknown()
    loaded.dagster_home.mkdir(parents=True, exist_ok=True)
    write_instance(loaded)
    (loaded.home / "lake" / "data").mkdir(parents=True, exist_ok=True)
    os.environ.update(loaded.environment)
    return loaded


def warn_of_unknown() -> None:
    """Warn of variables that look like settings and are none: a mistyped one sets nothing."""
    fields = Settings.model_fields.keys() - {"dbt_project_dir"}
    known = {"DBT_PROJECT_DIR", *BESIDE, *(f"LEEWAY_{field.upper()}" for field in fields)}
    for name in sorted(os.environ):
        if name.startswith("LEEWAY_") and name not in known:
            meant = "".join(f": is {like} meant?" for like in get_close_matches(name, known, n=1))
            logger.warning("%s is no setting, and ignored%s", name, meant)


def write_instance(loaded: Settings) -> None:
    """Write Dagster's instance file, where it is another than wanted: in one move, never half."""
    wanted = (CHECKOUT / "dagster.yaml").read_text()
    if loaded.dagster_storage:
        wanted += POSTGRES_STORAGE.format(url=json.dumps(loaded.dagster_storage))
    path = loaded.dagster_home / "dagster.yaml"
    if not path.exists() or path.read_text() != wanted:
        with NamedTemporaryFile("w", dir=path.parent, suffix=".yaml", delete=False) as file:
            file.write(wanted)
        Path(file.name).replace(path)


def require_java() -> None:
    """Raise SetupError where no Java can be found; Spark needs one.

    The version is Spark's to judge; its own message names it.
    """
    java_home = os.environ.get("JAVA_HOME")
    found = shutil.which("java") or (java_home and shutil.which("java", path=f"{java_home}/bin"))
    if not found:
        raise SetupError(
            "no `java` on PATH and JAVA_HOME is "
            f"{java_home!r}: install a Java 17 runtime (Debian: openjdk-17-jre-headless) "
            "or set JAVA_HOME"
        )


def require_landing(loaded: Settings) -> None:
    """Raise SetupError where the landing folder, or its bucket, does not exist."""
    try:
        there = _is_there(loaded.landing)
    except OSError as error:
        raise SetupError(
            f"the landing folder {loaded.landing} cannot be read ({error}): check LEEWAY_LANDING, "
            "and for S3 AWS_ENDPOINT_URL, AWS_REGION and the credentials in AWS_*"
        ) from error
    if not there:
        raise SetupError(
            f"the landing folder {loaded.landing} does not exist: set LEEWAY_LANDING to where the "
            "dumps are, or make a shop with `leeway simulate`"
        )


def _is_there(landing: str) -> bool:
    """Whether a landing folder exists; only a bucket needs pyarrow."""
    if "://" not in landing:
        return Path(landing).is_dir()
    from ingestion.source import is_there

    return is_there(landing)


def pii_key(loaded: Settings) -> bytes:
    """Return the key of the pseudonyms, from LEEWAY_PII_KEY or from a file made once in `home`.

    Raises SetupError where the key file can be read by others.
    """
    if loaded.pii_key:
        return loaded.pii_key.get_secret_value().encode()
    path = loaded.home / "pii.key"
    if not path.exists():
        made_once(path, secrets.token_hex(32))  # an empty one, left by a crash, would hide nobody
        logger.warning(
            "LEEWAY_PII_KEY is not set: made %s (mode 0600). Keep it: with another key every "
            "pseudonym changes",
            path,
        )
    if path.stat().st_mode & 0o077:
        raise SetupError(f"{path} can be read by others: run `chmod 600 {path}`")
    return path.read_bytes()
