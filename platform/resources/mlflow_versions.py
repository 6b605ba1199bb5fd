"""A version in MLflow: what it says of itself, its files, and who may load it.

Every function that reads a version raises LostVersionError where MLflow has lost it, and
RegistryError where MLflow does not answer.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from errors import LostVersionError, RegistryError
from ml.own_estimator import BUILT_IN

if TYPE_CHECKING:
    from ml.estimators import Fitted

ESTIMATOR, FIRST_ESTIMATOR = "estimator", "tabular"  # tag; what versions without one were made by
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


@lru_cache(maxsize=8)
def load(uri: str, model: str, version: int, declared: tuple[str, ...]) -> "Fitted":
    """Load a version once per process; a registered version never changes."""
    from ml.estimators import estimator

    made_by = estimator(estimator_of(uri, model, version, declared))
    with tempfile.TemporaryDirectory() as place:
        return made_by.load(download(uri, model, version, Path(place)))


def estimator_of(uri: str, model: str, version: int, declared: tuple[str, ...]) -> str:
    """Return what a version says it was made by, if that may be imported."""
    name = tags_of(uri, model, version).get(ESTIMATOR, FIRST_ESTIMATOR)
    if name not in (*BUILT_IN, *declared):
        raise RegistryError(
            f"{model} version {version} was made by estimator {name!r}, which its exposure does "
            "not declare: name it under train.earlier_estimators as long as the version may be live"
        )
    return name


def tags_of(uri: str, model: str, version: int) -> Mapping[str, str]:
    """Return what a registered version says of itself."""
    import mlflow

    point_mlflow_at(uri)
    with asked_for(uri, model, version):
        return mlflow.MlflowClient(uri, uri).get_model_version(model, str(version)).tags


def download(uri: str, model: str, version: int, place: Path) -> Path:
    """Bring a version's artifact to `place` and return the folder that was saved."""
    import mlflow

    point_mlflow_at(uri)
    name = f"models:/{model}/{version}"
    with asked_for(uri, model, version):
        path = mlflow.artifacts.download_artifacts(name, dst_path=str(place))
    folders = [entry for entry in Path(path).glob("artifacts/*") if entry.is_dir()]
    if not folders:
        raise LostVersionError(
            f"{model} version {version} has no files at {uri}: restore them from a backup of MLflow"
        )
    return folders[0]


def point_mlflow_at(uri: str) -> None:
    """Point MLflow's own functions at a server, for runs and for versions.

    For versions MLflow would ask the process's Spark where they are, and fail where that has ended.
    """
    import mlflow

    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)


@contextmanager
def answering(uri: str, what: str) -> Iterator[None]:
    """Turn what MLflow raises into what it has interrupted and what happens next."""
    from mlflow import MlflowException

    try:
        yield
    except MlflowException as error:
        raise RegistryError(
            f"MLflow at {uri} failed in the middle of {what}: {str(error)[:300]}\n"
            "See to it; the next attempt does this again from its start"
        ) from None  # its words are in the message; a run shows the first cause's alone


@contextmanager
def asked_for(uri: str, model: str, version: int) -> Iterator[None]:
    """Tell of a version that MLflow has lost, and of an MLflow that does not answer."""
    from mlflow import MlflowException

    with answering(uri, f"{model} version {version}"):
        try:
            yield
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise LostVersionError(
                f"MLflow at {uri} has no {model} version {version} ({str(error)[:300]}): restore "
                "it from a backup of MLflow"
            ) from None
