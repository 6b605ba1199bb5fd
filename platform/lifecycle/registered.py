"""What a registered version has kept of itself, in the ledger and in MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from declaration import MlModel, choose
from errors import NoEvidenceError, RegistryError
from lifecycle import training_set
from lifecycle.candidate import manifest_of
from ml.tabular import TabularModel
from resources.lake import Lake
from resources.registry import Registry


@dataclass(frozen=True)
class Registered:
    """A version as the ledger and MLflow have it; `model` is as it was declared then."""

    row: Mapping[str, Any]
    manifest: Mapping[str, Any]
    tags: Mapping[str, str]
    model: MlModel
    fitted: TabularModel

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each day's rows that was kept; a refit has learned from a few more days."""
        return {**self.manifest.get(training_set.REFIT, {}), **self.manifest["partitions"]}


def registered(lake: Lake, registry: Registry, model: MlModel, version: int) -> Registered:
    """Return a version with all that it has kept; raises NoEvidenceError where some is missing."""
    query = "select * from ledger.versions where model = ? order by version"
    rows = {str(row["version"]): row for row in lake.rows(query, [model.name])}
    if str(version) not in rows:
        others = choose(str(version), rows)
        raise NoEvidenceError(f"{model.name} has no version {version}: {others}")
    try:
        manifest = manifest_of(lake, registry, model, version)
        declared = MlModel.model_validate(manifest["spec"])
        fitted = registry.load(model.name, version)
        tags = registry.tags(model.name, version)
    except RegistryError:
        raise
    except Exception as error:  # MLflow, a file, torch, another build's manifest: all end here
        raise NoEvidenceError(
            f"{model.name} version {version} cannot be read from MLflow ({type(error).__name__}: "
            f"{error}): restore its run's files from a backup, or use the code that made it"
        ) from error
    return Registered(rows[str(version)], manifest, tags, declared, fitted)
