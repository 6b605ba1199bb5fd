"""Spark behind one file: the session that dagster-pyspark starts when it is first used."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from dagster import InitResourceContext
from dagster_pyspark import LazyPySparkResource
from pyspark.sql import SparkSession

from errors import SetupError
from resources.jvm import gateway
from resources.settings import Settings, require_java

ONE_FILE = str(1 << 40)  # bytes of a partition; opening costs as much, so none takes a second file
ANSWERS_WITHIN = 10  # seconds that a Spark Connect server has
TRIES = 6  # of a server that has gone away, in a minute; by default a run would try for ten
REMOTE, SERVER = "spark.remote", "sc://"


class SparkSessions(LazyPySparkResource):
    """A session when it is first asked for; a Spark Connect server's ends with the run."""

    @property
    def spark_session(self) -> SparkSession:
        """Return the run's session.

        Raises SetupError where its server does not answer, or the process's JVM has ended.
        """
        if REMOTE not in self.spark_config:
            require_jvm()
        elif self._spark_session is None:
            from pyspark.sql.connect.client.retries import DefaultPolicy

            require_server(self.spark_config[REMOTE])
            super().spark_session.client.set_retry_policies([DefaultPolicy(max_retries=TRIES)])
        return super().spark_session

    def teardown_after_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002
        """Give a server's session back; one of this process's own JVM is the next run's too."""
        if self._spark_session is not None and REMOTE in self.spark_config:
            self._spark_session.stop()
            # what `ml.distributed` starts in this process afterwards is no client of a server
            os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def require_server(url: str, within: float = ANSWERS_WITHIN) -> None:
    """Wait until a Spark Connect server answers; raises SetupError where none does in time.

    within: seconds. Spark's own client would go on trying for ten minutes.
    """
    from pyspark.sql.connect.client import DefaultChannelBuilder

    channel = DefaultChannelBuilder(url).toChannel()
    try:
        grpc.channel_ready_future(channel).result(timeout=within)
    except grpc.FutureTimeoutError as error:
        raise SetupError(
            f"LEEWAY_SPARK is {url}, where no Spark Connect server answers within {within} s: "
            "start one with `python -m resources.spark_server`, or unset LEEWAY_SPARK"
        ) from error
    finally:
        channel.close()


def require_jvm() -> None:
    """Raise SetupError where the JVM that this process has started is gone: it starts no second."""
    started = gateway()
    if started is not None and (status := started.proc.poll()) is not None:
        raise SetupError(
            f"Spark's JVM has ended (exit status {status}; -9 is a kill, most often for want of "
            "memory: the kernel's log tells). Re-execute the run, or give the same command again: "
            "it goes on where it stopped"
        )


@contextmanager
def jvm_in_use() -> Iterator[None]:
    """Tell of a JVM that ends in this block what `require_jvm` tells; py4j says "refused"."""
    from py4j.protocol import Py4JError

    try:
        yield
    except (Py4JError, ConnectionError):
        require_jvm()  # its error has no cause: a run shows the first cause's words alone
        raise


def spark_resource(settings: Settings) -> SparkSessions:
    """Return the Spark session's settings; no JVM starts here and no server is asked.

    Raises SetupError where a JVM is needed and no Java is found.
    """
    conf = session_conf(settings)
    if settings.spark.startswith(SERVER):
        return SparkSessions(spark_config={REMOTE: settings.spark, **conf})
    return SparkSessions(spark_config=conf | driver_conf(settings))


def session_conf(settings: Settings) -> dict[str, str]:
    """Return what every session is set to, whoever runs its JVM.

    Every landing file is one Spark partition, so that the position of a line in its file can be
    counted.
    """
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.threads),
        "spark.sql.files.openCostInBytes": ONE_FILE,
        "spark.sql.files.maxPartitionBytes": ONE_FILE,
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    }


def driver_conf(settings: Settings) -> dict[str, str]:
    """Return what a JVM is started with, and set what its Python workers find in its environment.

    Raises SetupError where no Java is found.
    """
    require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = {
        "spark.master": settings.spark,
        "spark.app.name": "leeway",
        "spark.driver.memory": "1g",
        # for throughput: nobody waits for one row, and G1 takes a sixth longer for a day's files
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.log.level": "WARN",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(settings.home / "spark-warehouse"),
        "spark.python.daemon.module": "ingestion.workers",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(sys.path),
    }
    if settings.spark.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        conf |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return conf
