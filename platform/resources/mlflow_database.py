"""MLflow's database where it is a SQLite file: made whole, or not at all."""

import shutil
from pathlib import Path

from filelock import FileLock

SQLITE = "sqlite:///"


def make_database(uri: str) -> None:
    """Make the SQLite database that `uri` names where there is none; any other is left alone.

    MLflow makes its tables in steps, each committed by itself, and cannot go on where a kill has
    left some of them ("duplicate column name"). So they are made in another file, which is then
    renamed.
    """
    if not uri.startswith(SQLITE):
        return
    path = Path(uri.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        if not path.exists():
            _make(path)


def _make(path: Path) -> None:
    from mlflow.db import upgrade

    folder = path.with_name(path.name + ".new")
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir()
    upgrade.main([f"{SQLITE}{folder / path.name}"], standalone_mode=False)
    (folder / path.name).replace(path)
    folder.rmdir()
