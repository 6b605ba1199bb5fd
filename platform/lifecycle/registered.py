"""What a registered version has kept of itself, in the ledger and in MLflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from declaration import MlModel, choose
from errors import NoEvidenceError, RegistryError
from lifecycle import training_set
from lifecycle.candidate import SETTINGS, manifest_of
from ml.estimators import Fitted
from ml.tabular import TabularModel, TrainConfig
from resources.lake import Lake
from resources.registry import Registry


@dataclass(frozen=True)
class Registered:
    """A version as the ledger and MLflow have it; `model` is as it was declared then."""

    row: Mapping[str, Any]
    manifest: Mapping[str, Any]
    tags: Mapping[str, str]
    model: MlModel
    estimator: str
    settings: TrainConfig
    fitted: Fitted

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
        own = model.train.declared
        fitted = registry.load(model.name, version, own)
        made_by = registry.estimator_of(model.name, version, own)
        tags = registry.tags(model.name, version)
        settings = settings_of(tags, fitted)
    except RegistryError:
        raise
    except Exception as error:  # MLflow, a file, torch, another build's manifest: all end here
        raise NoEvidenceError(
            f"{model.name} version {version} cannot be read from MLflow ({type(error).__name__}: "
            f"{error}): restore its run's files from a backup, or use the code that made it"
        ) from error
    row = rows[str(version)]
    return Registered(row, manifest, tags, declared, made_by, settings, fitted)


def settings_of(tags: Mapping[str, str], fitted: Fitted) -> TrainConfig:
    """Return what the estimator was called with; an older version has it in its artifact only."""
    if SETTINGS in tags or not isinstance(fitted, TabularModel):
        return TrainConfig.from_dict(json.loads(tags[SETTINGS]))
    return fitted.config
