"""Folders of the settings, and small files in them that are made once."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from errors import SetupError


def refuse_inside(lake_data: str, folders: Mapping[str, str | Path]) -> None:
    """Raise SetupError where a folder lies in the lake's data, as the disk has them.

    Upkeep deletes every Parquet file there that the catalog does not name. folders: by the name
    of what they hold.
    """
    data = Path(lake_data).expanduser().resolve()
    for name, folder in folders.items():
        found = Path(folder).resolve()
        if found.is_relative_to(data):
            raise SetupError(
                f"{name} {found} is inside LEEWAY_LAKE_DATA {data}, where upkeep deletes every "
                "Parquet file that is not the lake's: name a folder that holds nothing else, for "
                f"the lake or for {name}"
            )


def made_once(path: Path, text: str, mode: int = 0o600) -> str:
    """Return what a small file says, made with `text` where there is none.

    It is made whole or not at all; of several processes the first one's text counts.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}-") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            with suppress(FileExistsError):  # another process was first
                os.link(file.name, path)
    return path.read_text()
