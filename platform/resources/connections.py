"""Connection strings of the settings: what they are of, and that none carries a password.

They show in Dagster's UI and in the environment of child processes, so passwords come from libpq's
own `PGPASSWORD` or `PGPASSFILE`, which DuckDB, Dagster and MLflow all read, and from MLflow's
`MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` for a tracking server.
"""

import re
from urllib.parse import parse_qs, urlsplit

from errors import SetupError

LIBPQ = "put it into PGPASSWORD, or into a file that PGPASSFILE names"
SPARK = re.compile(
    r"local(\[(\*|\d+)(, *\d+)?\])?|local-cluster\[ *\d+ *, *\d+ *, *\d+ *\]|yarn"
    r"|spark://.+:\d+|k8s://.+|sc://[^/;@]+(/;use_ssl=true)?"
)
MLFLOW = "put it into MLFLOW_TRACKING_PASSWORD, the name into MLFLOW_TRACKING_USERNAME"


def refuse_passwords(lake_catalog: str, dagster_storage: str, mlflow_uri: str) -> None:
    """Raise SetupError, without the value, where a connection carries a password."""
    if lake_catalog.startswith("postgres:"):
        _refuse_in_libpq("LEEWAY_LAKE_CATALOG", lake_catalog.removeprefix("postgres:"))
    for name, url in (
        ("LEEWAY_DAGSTER_STORAGE", dagster_storage),
        ("LEEWAY_MLFLOW_URI", mlflow_uri),
    ):
        fix = MLFLOW if served(url) else LIBPQ
        if urlsplit(url).password or any(map(_is_secret, parse_qs(urlsplit(url).query))):
            raise SetupError(f"{name} carries a password, which would be shown: {fix}")


def refuse_bucket(lake_data: str) -> None:
    """Raise SetupError where the lake's data are not in a folder: Spark writes there too."""
    if "://" in lake_data:
        raise SetupError(
            f"LEEWAY_LAKE_DATA is {lake_data}: name a folder that Spark, DuckDB and dbt reach, "
            "on several machines a shared mount; a bucket works for LEEWAY_LANDING only"
        )


def require_spark(url: str) -> None:
    """Raise SetupError where a string is neither a Spark master nor a Spark Connect server."""
    if "token=" in url:
        raise SetupError(
            "LEEWAY_SPARK carries a token, which would be shown: put it into "
            "SPARK_CONNECT_AUTHENTICATE_TOKEN"
        )
    if not SPARK.fullmatch(url):
        raise SetupError(
            f"LEEWAY_SPARK is {url!r}: name a Spark master (local[*], local-cluster[2,1,1024], "
            "spark://HOST:PORT) or a Spark Connect server (sc://HOST:PORT)"
        )


def served(mlflow_uri: str) -> bool:
    """Return whether MLflow is a server, which decides itself where artifacts go."""
    return urlsplit(mlflow_uri).scheme in ("http", "https")


def with_driver(url: str) -> str:
    """Return a database's URL with the driver that is installed; another's is left as it is."""
    scheme, rest = url.split(":", 1) if ":" in url else ("", url)
    return f"postgresql+psycopg2:{rest}" if scheme in ("postgresql", "postgres") else url


def _refuse_in_libpq(name: str, connection: str) -> None:
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parts = parse_dsn(connection)
    except ProgrammingError:
        raise SetupError(
            f"{name} is no libpq connection: write 'postgres:host=... port=... user=... dbname=...'"
        ) from None  # libpq's message repeats what may be a password
    if any(map(_is_secret, parts)):
        raise SetupError(f"{name} carries a password, which would be shown: {LIBPQ}")


def _is_secret(key: str) -> bool:
    """Return whether a libpq option is one: password, sslpassword, oauth_client_secret."""
    return key.endswith(("password", "secret"))
