"""Which Spark a session is of; `tests/ingestion/test_spark_clusters.py` asks each for rows."""

import socket

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
