"""Spark behind one file: the session that dagster-pyspark starts when it is first used."""

import os
import sys
from urllib.parse import urlsplit

from dagster_pyspark import LazyPySparkResource

from resources.settings import Settings, require_java

ONE_FILE = str(1 << 40)  # bytes of a partition; opening costs as much, so none takes a second file


def spark_resource(settings: Settings) -> LazyPySparkResource:
    """Return the Spark session's settings; no JVM starts here.

    Raises SetupError where no Java is found. Every landing file is one Spark partition, so that
    the position of a line in its file can be counted.
    """
    require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = {
        "spark.master": settings.spark_master,
        "spark.app.name": "leeway",
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.threads),
        "spark.sql.files.openCostInBytes": ONE_FILE,
        "spark.sql.files.maxPartitionBytes": ONE_FILE,
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.warehouse.dir": str(settings.home / "spark-warehouse"),
        "spark.python.daemon.module": "ingestion.workers",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(sys.path),
    }
    if not urlsplit(settings.spark_master).scheme:
        conf["spark.driver.host"] = "127.0.0.1"
    return LazyPySparkResource(spark_config=conf)
