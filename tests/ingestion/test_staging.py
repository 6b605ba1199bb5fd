import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from errors import DeliveryError
from ingestion import staging
from ingestion.staging import TRIES, stage, staging_folder

HOLDER = """
import sys
from pathlib import Path
from ingestion.staging import staging_folder
with staging_folder(Path(sys.argv[1])) as folder:
    (folder / "copy").write_text("rows")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_staged_file_is_the_source_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"abc" * 1_000_000)
    found = stage(str(tmp_path / "source"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"abc" * 1_000_000
    assert found.file_hash == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


@pytest.fixture
def growing(tmp_path: Path, monkeypatch):
    """A file that grows during its first `times` copies."""

    def grow(times: int) -> Path:
        source = tmp_path / "source"
        source.write_bytes(b"first\n")
        copy, copies = staging._copy, []

        def copy_while_written(path: str, target: Path) -> str:
            found = copy(path, target)
            copies.append(found)
            if len(copies) <= times:
                with source.open("ab") as file:
                    file.write(b"more\n")
            return found

        monkeypatch.setattr(staging, "_copy", copy_while_written)
        return source

    return grow


def test_a_file_that_changes_while_it_is_copied_is_copied_again(growing, tmp_path: Path) -> None:
    source = growing(TRIES - 1)
    found = stage(str(source), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert found.file_hash == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_file_that_keeps_changing_is_said_to_be_still_written(growing, tmp_path: Path) -> None:
    source = growing(TRIES)
    with pytest.raises(DeliveryError, match=f"{source} is still being written"):
        stage(str(source), tmp_path / "copy")
    stage(str(source), tmp_path / "copy")  # it is complete now
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_a_file_that_cannot_be_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("rows")
    with pytest.raises(DeliveryError, match=f"{tmp_path}/source cannot be copied to"):
        stage(str(tmp_path / "source"), tmp_path / "nowhere" / "copy")


def test_a_staging_folder_is_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "copy").write_text("rows")
        raise ConnectionError

    with pytest.raises(ConnectionError), staging_folder(tmp_path / "staging") as folder:
        fail(folder)
    assert list((tmp_path / "staging").iterdir()) == []


def test_folders_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(2)
    ]  # fmt: skip
    killed, living = (Path(holder.stdout.readline().strip()) for holder in holders)
    holders[0].kill()
    holders[0].wait()
    with staging_folder(tmp_path):
        assert not killed.exists()
        assert (living / "copy").read_text() == "rows"
    holders[1].communicate()
    assert holders[1].returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_lies_beside_the_staging_folders_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "somebody else's").mkdir()
    with staging_folder(tmp_path):
        pass
    assert [folder.name for folder in tmp_path.iterdir()] == ["somebody else's"]
