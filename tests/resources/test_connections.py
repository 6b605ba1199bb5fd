from pathlib import Path

import pytest

from errors import SetupError
from resources.connections import refuse_passwords, require_spark, served, with_driver
from resources.settings import Settings

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("catalog", "storage", "mlflow", "setting", "fix"),
    [
        (f"postgres:host=db password={SECRET}", "", "", "LEEWAY_LAKE_CATALOG", "PGPASSWORD"),
        (f"postgres:postgresql://me:{SECRET}@db/lake", "", "", "LEEWAY_LAKE_CATALOG", "PGPASSFILE"),
        (f"postgres:host=db passw {SECRET}", "", "", "LEEWAY_LAKE_CATALOG", "no libpq connection"),
        (f"postgres:host=db sslpassword={SECRET}", "", "", "LEEWAY_LAKE_CATALOG", "PGPASSFILE"),
        ("", f"postgresql://db/runs?sslpassword={SECRET}", "", "LEEWAY_DAGSTER_STORAGE", "PGPASS"),
        ("", f"postgresql://me:{SECRET}@db/runs", "", "LEEWAY_DAGSTER_STORAGE", "PGPASSWORD"),
        ("", f"postgresql://db/runs?password={SECRET}", "", "LEEWAY_DAGSTER_STORAGE", "PGPASSWORD"),
        ("", "", f"postgresql://me:{SECRET}@db/mlflow", "LEEWAY_MLFLOW_URI", "PGPASSWORD"),
        ("", "", f"https://me:{SECRET}@mlflow", "LEEWAY_MLFLOW_URI", "MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_password_in_a_connection_is_refused_and_not_shown(
    catalog: str, storage: str, mlflow: str, setting: str, fix: str
) -> None:
    with pytest.raises(SetupError) as refused:
        Settings(lake_catalog=catalog, dagster_storage=storage, mlflow_uri=mlflow)
    assert setting in str(refused.value)
    assert fix in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_connections_without_a_password_are_taken() -> None:
    refuse_passwords(
        "postgres:host=db port=5432 user=leeway dbname=lake",
        "postgresql://leeway@db/runs",
        "https://mlflow.example.com",
    )
    refuse_passwords("sqlite:here.sqlite", "", "sqlite:///here.db")


def test_a_postgres_url_gets_the_installed_driver_and_others_stay() -> None:
    assert with_driver("postgresql://me@db/mlflow") == "postgresql+psycopg2://me@db/mlflow"
    assert with_driver("sqlite:///here.db") == "sqlite:///here.db"
    assert with_driver("http://mlflow:5000") == "http://mlflow:5000"


def test_only_a_server_decides_where_artifacts_go() -> None:
    assert served("http://mlflow:5000")
    assert not served("postgresql://leeway@db/mlflow")
    assert not served("sqlite:///mlflow.db")


def test_a_bucket_for_the_lake_is_refused_with_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="s3://lake/: name a folder"):
        Settings(home=tmp_path, lake_data="s3://lake/")


def test_a_spark_that_there_cannot_be_is_refused_with_what_may_be_named() -> None:
    for url in ("local", "local[*]", "local[2, 3]", "local-cluster[2,1,1024]", "spark://head:7077"):
        require_spark(url)
    for url in ("sc://localhost", "sc://head:15002", "sc://head:443/;use_ssl=true"):
        require_spark(url)
    for url in ("", "local[two]", "head:7077", "spark://head", "sc://", "sc://me@head:1"):
        with pytest.raises(SetupError, match=r"LEEWAY_SPARK is '.*sc://HOST:PORT") as refused:
            Settings(spark=url)
        assert repr(url) in str(refused.value)


def test_a_spark_server_s_token_is_refused_and_not_shown() -> None:
    with pytest.raises(SetupError, match="SPARK_CONNECT_AUTHENTICATE_TOKEN") as refused:
        Settings(spark=f"sc://head:443/;token={SECRET}")
    assert SECRET not in str(refused.value)
