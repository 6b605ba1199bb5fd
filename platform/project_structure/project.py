"""A dbt project as the rules see it: its manifest with compiled SQL, its columns, its files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import ledger
from column_lineage import Lineage, lineage_of
from resources.dbt import compiled_manifest
from resources.lake import lake_of
from resources.settings import Settings

LAYERS = ("staging", "intermediate", "features")
Node = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Violation:
    """A rule that a file breaks: where, which, what is wrong, and what to do."""

    file: str
    rule: str
    what: str
    fix: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.file}: {self.rule}: {self.what}: {self.fix}"


@dataclass(frozen=True)
class Project:
    """A compiled dbt project; `root` is its folder, for what the manifest does not keep."""

    root: Path
    manifest: Mapping[str, Any]

    @cached_property
    def models(self) -> list[Node]:
        """The project's own models, those of packages left out."""
        return [node for node in self._own("nodes") if node["resource_type"] == "model"]

    @cached_property
    def sources(self) -> list[Node]:
        """The project's own source tables."""
        return list(self._own("sources"))

    @cached_property
    def exposures(self) -> list[Node]:
        """The project's own exposures."""
        return list(self._own("exposures"))

    @cached_property
    def lineage(self) -> Lineage:
        """The columns of every model, by its SQL."""
        return lineage_of(self.manifest, stored={})

    def tests_of(self, node: Node) -> list[Node]:
        """Return the data tests that are attached to a model."""
        nodes = self.manifest["nodes"].values()
        return [test for test in nodes if test.get("attached_node") == node["unique_id"]]

    def parents_of(self, node: Node) -> list[Node]:
        """Return the models, seeds, snapshots and source tables that a model reads."""
        known = {**self.manifest["nodes"], **self.manifest["sources"]}
        return [known[parent] for parent in node["depends_on"]["nodes"]]

    def _own(self, kind: str) -> Iterator[Node]:
        name = self.manifest["metadata"]["project_name"]
        for _, node in sorted(self.manifest[kind].items()):
            if node["package_name"] == name:
                yield node


def layer_of(node: Node) -> str | None:
    """Return the layer that a model's folder says, or None."""
    parts = PurePosixPath(node["original_file_path"]).parts
    return next((layer for layer in LAYERS if layer in parts[:-1]), None)


def compiled_project(root: Path) -> Project:
    """Compile a dbt project against an empty lake, which is gone afterwards.

    Raises SetupError where dbt cannot compile it.
    """
    with TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        (home / "lake" / "data").mkdir(parents=True)
        settings = Settings(
            home=home,
            lake_catalog=f"sqlite:{home}/lake/catalog.sqlite",
            lake_data=f"{home}/lake/data/",
            dbt_project_dir=root,
        )
        ledger.prepare(lake_of(settings))
        return Project(settings.dbt_project_dir, compiled_manifest(settings))
