"""Local folders and S3, the latter as a real server on this machine."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from errors import DeliveryError, SetupError
from ingestion.landing import path_of
from ingestion.source import is_there, located, look, written
from resources.settings import Settings, require_landing

FIRST, SECOND = date(2024, 3, 1), date(2024, 3, 2)
ODD = "nightly dumps, größe 100% #1 'new'"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server with the bucket `dumps`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_REGION", "eu-west-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the test")
        endpoint = f"http://{host}:{port}"
        fs.S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True).create_dir("dumps")
        yield f"http://{host}:{port}"
    server.stop()


def test_a_bucket_is_a_landing_folder_like_any_other(desk, s3: str) -> None:
    system, folder = located(f"s3://dumps/{ODD}")
    lines = "order,sold_at,quantity,amount,customer,channel\n1000,{} 09:00:00,1,2.5,ann,web\n"
    for day in (FIRST, SECOND):
        with system.open_output_stream(f"{folder}/sales/{day}.csv") as file:
            file.write(lines.format(day).encode())
    desk.landing = f"s3://dumps/{ODD}"
    paths = {day: path_of(desk.table, desk.landing, day) for day in (FIRST, date(2024, 3, 3))}
    assert list(written(paths)) == [FIRST]
    desk.take(FIRST, SECOND)
    assert desk.visible(SECOND) == [(FIRST, 2.5), (SECOND, 2.5)]
    assert desk.ledger()[0]["file"] == f"s3://dumps/{ODD}/sales/{FIRST}.csv"
    assert desk.take(FIRST, SECOND).unchanged == 2


def test_a_bucket_that_is_not_there_and_a_server_that_does_not_answer_are_told_apart(
    s3: str, tmp_path: Path, monkeypatch
) -> None:
    require_landing(Settings(home=tmp_path, landing="s3://dumps/not/yet"))
    with pytest.raises(SetupError, match="s3://dump/shop does not exist"):
        require_landing(Settings(home=tmp_path, landing="s3://dump/shop"))
    assert look("s3://dumps/nothing.csv") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SetupError, match="s3://dumps cannot be read") as refused:
        require_landing(Settings(home=tmp_path, landing="s3://dumps"))
    with pytest.raises(DeliveryError, match=r"cannot look for s3://dumps/file\.csv"):
        look("s3://dumps/file.csv")
    assert "secret" not in str(refused.value)


def test_local_folders_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    (folder / "file.csv").write_text("rows")
    assert is_there(str(folder))
    assert not is_there(str(folder / "file.csv"))
    assert look(str(folder / "file.csv")).size == 4
    assert look(str(folder / "other.csv")) is None
    with pytest.raises(DeliveryError, match="is a folder"):
        look(str(folder))
