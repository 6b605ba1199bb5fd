"""Run a Spark Connect server in the foreground: `python -m resources.spark_server [PORT]`."""

import os
import sys

from errors import SetupError
from resources.settings import Settings
from resources.spark import SERVER, SparkSessions, driver_conf

PORT = 15002  # Spark's own


def server_conf(settings: Settings, port: int) -> dict[str, str]:
    """Return what a server on the loopback is started with; its jobs run on `LEEWAY_SPARK`.

    Spark's own SparkConnectServer would start Python anew for every session, and never end it;
    the plugin lets all sessions share the workers that are there.

    Raises SetupError where LEEWAY_SPARK is a server itself, and where no Java is found.
    """
    if settings.spark.startswith(SERVER):
        raise SetupError(
            f"LEEWAY_SPARK is {settings.spark}, a Spark Connect server: to start one, name the "
            "Spark master that it is to use, or unset the variable"
        )
    return {
        **driver_conf(settings),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }


def main() -> None:
    """Serve until the JVM ends, or this process, with which it ends too."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    conf = server_conf(Settings(), port)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for its Python workers
    context = SparkSessions(spark_config=conf).spark_session.sparkContext
    sys.exit(context._gateway.proc.wait())  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
