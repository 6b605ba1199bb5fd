"""A kill while MLflow makes its tables leaves a home that the next command can use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from errors import RegistryError
from resources.mlflow_database import make_database
from resources.registry import Registry
from resources.settings import CHECKOUT

# Ends as a kill does, after a step that MLflow has not yet noted as done.
KILLED = """
import os, sys
import sqlalchemy
from sqlalchemy.engine import Engine
from resources.registry import Registry

@sqlalchemy.event.listens_for(Engine, "after_cursor_execute")
def end(connection, cursor, statement, *_):
    if "ADD COLUMN" in statement:
        os._exit(9)

Registry(uri=sys.argv[1], artifacts="", url="").client
"""


def killed(uri: str) -> int:
    """Open a registry in a process that ends in the middle of making its database."""
    paths = os.pathsep.join([str(CHECKOUT / "platform"), str(CHECKOUT)])
    command = [sys.executable, "-c", KILLED, uri]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def test_a_kill_while_the_tables_are_made_leaves_no_half_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert killed(uri) == 9
    assert not (tmp_path / "mlflow.db").exists()
    registry = Registry(uri=uri, artifacts=str(tmp_path), url="")
    assert registry.client.search_registered_models() == []
    assert sorted(path.name for path in tmp_path.glob("mlflow.db*")) == [
        "mlflow.db",
        "mlflow.db.lock",
    ]


def test_a_database_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "mlflow.db").write_text("something else")
    make_database(uri)
    assert (tmp_path / "mlflow.db").read_text() == "something else"
    with pytest.raises(RegistryError, match="MLflow does not answer"):
        _ = Registry(uri=uri, artifacts=str(tmp_path), url="").client


def test_a_server_makes_its_own_database() -> None:
    make_database("http://127.0.0.1:9")
