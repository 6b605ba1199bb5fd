"""Which Spark a session is of; `tests/ingestion/test_spark_clusters.py` asks each for rows."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from errors import SetupError
from resources.settings import Settings
from resources.spark import spark_resource
from resources.spark_server import server_conf


def test_a_server_that_does_not_answer_is_named_with_what_to_start(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        url = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        spark = spark_resource(Settings(home=tmp_path, spark=url))
        with pytest.raises(SetupError, match=rf"LEEWAY_SPARK is {url}.*resources\.spark_server"):
            _ = spark.spark_session


def test_a_server_is_not_started_on_another_one(tmp_path) -> None:
    with pytest.raises(SetupError, match="LEEWAY_SPARK is sc://head:15002, a Spark Connect server"):
        server_conf(Settings(home=tmp_path, spark="sc://head:15002"), 15002)


def test_what_runs_on_this_machine_listens_on_the_loopback_only(tmp_path) -> None:
    for spark in ("local[*]", "local-cluster[2,1,1024]"):
        conf = spark_resource(Settings(home=tmp_path, spark=spark)).spark_config
        assert conf["spark.driver.bindAddress"] == conf["spark.driver.host"] == "127.0.0.1"
    server = server_conf(Settings(home=tmp_path), 15002)
    assert server["spark.connect.grpc.binding.address"] == "127.0.0.1"


def test_a_driver_of_other_machines_is_reached_where_they_can_reach_it(tmp_path) -> None:
    conf = spark_resource(Settings(home=tmp_path, spark="spark://head:7077")).spark_config
    assert conf["spark.master"] == "spark://head:7077"
    assert not [name for name in conf if name.startswith("spark.driver.bind")]


KILLED = """
import sys
from pathlib import Path
from pyspark import SparkContext
from errors import SetupError
from resources.registry import registry_of
from resources.settings import Settings
from resources.spark import jvm_in_use, spark_resource
from test_registry import MODEL, trained

settings = Settings(home=Path(sys.argv[1]))
session = spark_resource(settings).spark_session
session.range(1).count()
java = SparkContext._gateway.proc
java.kill()
java.wait()
registry = registry_of(settings)
with registry.run(MODEL, "2024-01-01 candidate", {}) as run:
    fitted = trained(registry.tracker(run))
    version = registry.register(MODEL, run, fitted, {"kind": "candidate"})
assert registry.load(MODEL, version).digest() == fitted.digest()
for ask in (lambda: session.range(1).count(), lambda: spark_resource(settings).spark_session):
    try:
        with jvm_in_use():
            ask()
    except SetupError as error:
        assert error.__cause__ is None  # its words would be all that a run shows
        print(error)
"""


def test_a_killed_jvm_is_told_and_does_not_keep_models_from_mlflow(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = "Spark's JVM has ended (exit status -9; -9 is a kill"
    assert done.stdout.count(told) == 2, done.stdout  # who uses it, and who asks for it


ENDED = """
import sys
from pathlib import Path
from resources.jvm import gateway, jvm_for_now
from resources.settings import Settings

with jvm_for_now():
    pass
assert "pyspark" not in sys.modules
from resources.spark import spark_resource

settings = Settings(home=Path(sys.argv[1]))
for _ in range(2):
    with jvm_for_now():
        assert spark_resource(settings).spark_session.range(3).count() == 3
        java = gateway().proc
    assert java.poll() == 0 and gateway() is None
try:
    with jvm_for_now():
        assert spark_resource(settings).spark_session.range(3).count() == 3
        gateway().proc.kill()
        raise KeyError("the block's own")
except KeyError as error:
    print(error)
assert gateway() is None
kept = spark_resource(settings).spark_session
with jvm_for_now():
    assert spark_resource(settings).spark_session is kept
assert kept.range(3).count() == 3
"""


def test_a_jvm_ends_with_the_block_that_has_started_it(tmp_path) -> None:
    """One from before stays, and after one that was killed the next block starts another."""
    command = [sys.executable, "-c", ENDED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ['"the block\'s own"']), done


QUIET = """
import sys
from pathlib import Path
from resources.jvm import jvm_for_now
from resources.settings import Settings
from resources.spark import spark_resource

with jvm_for_now():
    session = spark_resource(Settings(home=Path(sys.argv[1]))).spark_session
    assert session.range(3).mapInArrow(lambda batches: batches, "id long").count() == 3
"""


def test_a_jvm_ends_without_a_traceback_after_work_in_python(tmp_path) -> None:
    """Its accumulators are heard by a thread of this process, which must not outlive it."""
    command = [sys.executable, "-c", QUIET, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
