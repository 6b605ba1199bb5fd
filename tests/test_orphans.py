"""`kill -9` of a command: its dbt and its JVM end too, its lock is free, its run is failed."""

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.server import wait_for_grpc_server

from launch import answers, fail_orphans, fail_unreachable, held_lock
from plan import ORPHAN_TAG
from resources.settings import CHECKOUT

PROJECT = Path(__file__).parent / "projects" / "other"
RUN = """
from datetime import date
from history import load_history
from resources.settings import settings
from resources.spark import spark_resource
session = spark_resource(settings()).spark_session
load_history(date(2024, 3, 1), date(2024, 3, 2), lambda step: None).run()
"""
BLOCKED = """{{{{ config(materialized="table") }}}}
select * from read_csv('{fifo}', columns = {{'line': 'varchar'}}, auto_detect = false)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children end by a Linux call")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project one of whose tables cannot be made before the test says so."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("logs", "target"))
    settings = yaml.safe_load((folder / "dbt_project.yml").read_text())
    settings["macro-paths"] = [str(CHECKOUT / "dbt_project" / "macros")]
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    os.mkfifo(tmp_path / "fifo")
    blocked = folder / "models" / "staging" / "blocked.sql"
    blocked.write_text(BLOCKED.format(fifo=tmp_path / "fifo"))
    return folder


def descendants(process: int) -> dict[int, str]:
    """Every process below one, with its command line."""
    listed = subprocess.run(
        ["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    found, parents = {}, {process}
    while parents:
        below = {int(pid): args for pid, parent, args in rows if int(parent) in parents}
        found |= below
        parents = set(below)
    return found


def ends(pid: int, seconds: float = 60) -> bool:
    """Whether a process ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


@pytest.mark.slow
def test_a_killed_command_takes_dbt_and_spark_with_it_and_gives_its_lock_back(
    project: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (tmp_path / "landing").mkdir()
    mine = {
        "LEEWAY_HOME": home, "LEEWAY_LANDING": tmp_path / "landing", "DBT_PROJECT_DIR": project,
        "LEEWAY_PII_KEY": "only for tests", "LEEWAY_SPARK": "local[1]",
        "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}",
    }  # fmt: skip
    environment = {**os.environ, **{name: str(value) for name, value in mine.items()}}
    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment)
    with (tmp_path / "fifo").open("w"):  # opens once dbt reads it
        children = descendants(process.pid)
        dbt = [pid for pid, args in children.items() if "/dbt " in args and " build " in args]
        java = [pid for pid, args in children.items() if "org.apache.spark" in args]
        assert dbt, children
        assert java, children
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [pid for pid in (*dbt, *java) if not ends(pid)] == []
    with held_lock(home), DagsterInstance.from_config(str(home / "dagster")) as instance:
        pool = instance.event_log_storage.get_concurrency_info
        assert pool("heavy").active_slot_count == 1
        fail_orphans(instance, home)
        assert pool("heavy").active_slot_count == 0
        [run] = instance.get_runs(RunsFilter(job_name="views"))
        assert run.status is DagsterRunStatus.FAILURE
        assert ORPHAN_TAG in run.tags


def left_by_a_daemon(instance: DagsterInstance, server: str) -> str:
    """A started run whose code server is the one that is named."""
    return instance.create_run(
        job_name="anything", run_id=None, status=DagsterRunStatus.STARTED,
        tags={".dagster/grpc_info": server}, run_config={}, step_keys_to_execute=None,
        root_run_id=None, parent_run_id=None, job_snapshot=None, execution_plan_snapshot=None,
        parent_job_snapshot=None, asset_selection=None, asset_check_selection=None,
        resolved_op_selection=None, op_selection=None, remote_job_origin=None,
        job_code_origin=None, asset_graph=None,
    ).run_id  # fmt: skip


def test_a_daemon_s_run_whose_code_server_is_gone_is_failed(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    run = left_by_a_daemon(instance, f'{{"host": "localhost", "socket": "{tmp_path}/gone"}}')
    fail_unreachable(instance, tmp_path)
    assert instance.get_run_by_id(run).status is DagsterRunStatus.FAILURE
    assert ORPHAN_TAG in instance.get_run_by_id(run).tags


@pytest.mark.slow
def test_a_daemon_s_run_whose_code_server_answers_goes_on(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "location.py").write_text("from dagster import Definitions\ndefs = Definitions()\n")
    socket = tmp_path / "socket"
    command = [sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(socket)]
    server = subprocess.Popen([*command, "-f", "location.py"], cwd=tmp_path)
    try:
        wait_for_grpc_server(server, DagsterGrpcClient(socket=str(socket)), command)
        assert answers({"host": "localhost", "socket": str(socket)})
        run = left_by_a_daemon(instance, f'{{"host": "localhost", "socket": "{socket}"}}')
        fail_unreachable(instance, tmp_path)
        assert instance.get_run_by_id(run).status is DagsterRunStatus.STARTED
    finally:
        server.kill()  # a server begun in the background of a script ignores SIGTERM
        server.wait()
