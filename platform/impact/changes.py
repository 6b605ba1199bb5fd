"""What has changed in the dbt project, as dbt itself compares two states of it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import SetupError
from impact.base import Base
from resources.dbt import install_extensions, run_dbt
from resources.settings import Settings

COMPILE = ("compile", "--select", "resource_type:model", "resource_type:test")
CHANGED = (
    *("ls", "--select", "state:modified", "--indirect-selection", "empty"),
    *("--output", "json", "--output-keys", "unique_id"),
)

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Changes:
    """Two states of a project, compiled for placeholder days, and the ids of what differs.

    new: None where the working tree does not compile, `error` then has dbt's words.
    modified: ids that differ themselves. reached: those, and what depends on them.
    """

    old: Manifest
    new: Manifest | None
    modified: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    error: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """Files of what differs itself, in order; those of data tests once."""
        everything = {k: v for part in PARTS for k, v in (self.new or {}).get(part, {}).items()}
        found = {everything[i]["original_file_path"] for i in self.modified if i in everything}
        return tuple(sorted(found))


PARTS = ("nodes", "sources", "exposures", "unit_tests")


def changes(settings: Settings, base: Base, place: Path) -> Changes:
    """Compile the base and the working tree, side by side, and let dbt compare them.

    place: an empty folder, which may be removed afterwards. Raises SetupError where the base does
    not compile.
    """
    install_extensions(settings)
    checkout = base.export(place / "checkout")
    of_base = settings.model_copy(update={"dbt_project_dir": checkout})
    with ThreadPoolExecutor(max_workers=2) as pool:
        before = pool.submit(_compiled, of_base, place / "old")
        after = pool.submit(_compiled, settings, place / "new")
        old = before.result()
        try:
            new = after.result()
        except SetupError as error:
            return Changes(old, None, error=str(error))
    state = ("--state", str(place / "old"))
    modified = _listed(run_dbt(settings, place / "new", [*CHANGED, *state]))
    return Changes(old, new, modified, modified | _downstream(new, modified))


def _compiled(settings: Settings, folder: Path) -> Manifest:
    run_dbt(settings, folder, COMPILE)
    return json.loads((folder / "manifest.json").read_text())


def _listed(printed: str) -> frozenset[str]:
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    return frozenset(json.loads(line)["unique_id"] for line in lines)


def _downstream(manifest: Manifest, modified: frozenset[str]) -> frozenset[str]:
    """What depends on something that differs, directly or through others."""
    found, todo = set(), list(modified)
    while todo:
        for child in manifest["child_map"].get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return frozenset(found)
