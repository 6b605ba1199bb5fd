"""A running code server loads the dbt project again when its files have changed, and only then."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._grpc.client import DagsterGrpcClient
from tenacity import Retrying, retry_if_exception, wait_fixed

from resources.settings import CHECKOUT, Settings
from sensors.project_changes import answer, reload

OTHER = CHECKOUT / "tests" / "projects" / "other"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the other project."""
    folder = tmp_path / "dbt_project"
    shutil.copytree(OTHER, folder, ignore=shutil.ignore_patterns("target", "logs"))
    path = folder / "dbt_project.yml"
    path.write_text(path.read_text().replace("../../..", str(CHECKOUT)))
    return folder


def test_what_was_loaded_stays_while_the_project_is_the_same_or_cannot_be_loaded(
    tmp_path: Path, project: Path
) -> None:
    settings = Settings(home=tmp_path, dbt_project_dir=project)
    assert "as it is" in answer(settings, True, True, None)
    assert "at the next tick" in answer(settings, False, False, None)
    assert "reload the code location" in answer(settings, False, True, None)
    broken = project / "models" / "features" / "sensor_days.sql"
    broken.write_text("select * from {{ ref('nothing') }}")
    told = answer(settings, False, True, None)
    assert "cannot be loaded, what was loaded goes on" in told
    assert "nothing" in told


@pytest.fixture
def server(tmp_path: Path, project: Path) -> Iterator[GrpcServerCodeLocationOrigin]:
    """The code server that `dagster dev` starts, on the platform's own definitions."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    for folder in ("lake/data", "landing"):
        (tmp_path / folder).mkdir(parents=True)
    settings = Settings(home=tmp_path, dbt_project_dir=project)
    command = [sys.executable, "-m", "dagster", "code-server", "start", "--port", str(port)]
    command += ["--host", "127.0.0.1", "-m", "definitions", "-d", str(CHECKOUT / "platform")]
    paths = os.pathsep.join([str(CHECKOUT / "platform"), str(CHECKOUT)])
    environment = {**os.environ, **settings.environment, "PYTHONPATH": paths}
    process = subprocess.Popen(command, env=environment)
    origin = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=port, location_name="leeway")
    try:
        wait_for(origin.create_client(), process)
        yield origin
    finally:
        process.kill()  # its own server notices that and ends
        process.wait(60)


def wait_for(client: DagsterGrpcClient, process: subprocess.Popen) -> None:
    """Return once the server answers; raises its last refusal where the process has ended."""
    alive = retry_if_exception(lambda _: process.poll() is None)
    Retrying(retry=alive, wait=wait_fixed(0.2), reraise=True)(client.ping, "")


def assets(origin: GrpcServerCodeLocationOrigin, instance: DagsterInstance) -> set[str]:
    """The keys of what a code server has loaded."""
    with GrpcServerCodeLocation(origin, instance=instance) as location:
        [repository] = location.get_repositories().values()
        return {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}


@pytest.mark.slow
def test_a_running_code_server_shows_a_new_model_after_its_reload(
    server: GrpcServerCodeLocationOrigin, project: Path, instance: DagsterInstance
) -> None:
    new, before = "staging/stg_new", assets(server, instance)
    assert new not in before
    (project / "models" / "staging" / "stg_new.sql").write_text("select 1 as one")
    reload(server)
    assert assets(server, instance) == before | {new}
