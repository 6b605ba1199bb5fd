"""Run a Spark Connect server in the foreground: `python -m resources.spark_server [PORT]`."""

import os
import sys
from pathlib import Path

import pyspark

from errors import SetupError
from resources.settings import Settings
from resources.spark import SERVER, driver_conf

CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
PORT = 15002  # Spark's own


def command(settings: Settings, port: int) -> list[str]:
    """Return the command of a server on the loopback whose jobs run on the master `LEEWAY_SPARK`.

    Raises SetupError where that is a server itself, and where no Java is found.
    """
    if settings.spark.startswith(SERVER):
        raise SetupError(
            f"LEEWAY_SPARK is {settings.spark}, a Spark Connect server: to start one, name the "
            "Spark master that it is to use, or unset the variable"
        )
    conf = {
        **driver_conf(settings),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    options = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    home = Path(pyspark.__file__).parent
    return [str(home / "bin" / "spark-submit"), "--class", CLASS, *options, "spark-internal"]


def main() -> None:
    """Become the server: whoever ends this process ends it."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    words = command(Settings(), port)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for its Python workers
    os.execv(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main()
