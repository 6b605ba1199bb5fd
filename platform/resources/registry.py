"""MLflow behind one file: runs, artifacts, registered versions, the champion's alias.

The ledger says which version is live; MLflow keeps the bytes, and its alias follows the ledger.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from commit_points import reached
from errors import RegistryError
from resources import mlflow_versions
from resources.connections import served
from resources.mlflow_database import make_database
from resources.mlflow_signature import example_of, signature_of
from resources.mlflow_versions import ESTIMATOR, FIRST_ESTIMATOR, answering, point_mlflow_at
from resources.run_tracker import RunTracker
from resources.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ml.estimators import Fitted

CHAMPION = "champion"
HOST, PROCESS = "leeway.host", "leeway.process"
REQUIREMENTS = ("torch", "tabm", "numpy", "pyarrow", "pandas", "mlflow")
SERVED = Path(__file__).with_name("served_model.py")
ML = Path(__file__).resolve().parents[2] / "ml"


@dataclass(frozen=True)
class Version:
    """A registered version, the run that made it, and what it says of itself."""

    version: int
    run_id: str
    tags: Mapping[str, str]


class Registry(ConfigurableResource):
    """Model runs and versions.

    uri: MLflow tracking and registry.
    artifacts: folder of a new experiment's artifacts; empty where the tracking server decides.
    checkpoints: folder of the states of trainings under way; empty where none are kept.
    url: where people open the MLflow UI.
    """

    uri: str
    artifacts: str
    url: str
    checkpoints: str = ""

    _experiments: dict[str, str] = PrivateAttr(default_factory=dict)

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client; importing it takes seconds, so only who needs it pays.

        Raises RegistryError where nothing answers, after three tries.
        """
        import mlflow
        from sqlalchemy.exc import SQLAlchemyError

        make_database(self.uri)
        point_mlflow_at(self.uri)
        try:
            client = mlflow.MlflowClient(self.uri, self.uri)
            client.search_experiments(max_results=1)
        except (mlflow.MlflowException, SQLAlchemyError) as error:
            raise RegistryError(
                f"MLflow does not answer at {self.uri} (LEEWAY_MLFLOW_URI): {str(error)[:300]}\n"
                "Start it, or correct the setting; the decision stays, the next attempt trains"
            ) from None  # its words are in the message; a run shows the first cause's alone
        return client

    @contextmanager
    def run(self, model: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """Open an MLflow run of the model's experiment and yield its id; an error fails the run.

        Raises RegistryError where MLflow stops answering in the middle.
        """
        tags = {**tags, HOST: gethostname(), PROCESS: str(os.getpid())}
        with answering(self.uri, f"`{name}` of {model}"):
            experiment = self._experiment(model)
            run_id = self.client.create_run(experiment, tags=tags, run_name=name).info.run_id
            try:
                yield run_id
            except BaseException as error:
                self._end_failed(run_id, error)
                raise
            self.client.set_terminated(run_id, "FINISHED")

    def tracker(self, run_id: str, checkpoint: Path | None = None) -> RunTracker:
        """Return what a training loop reports to; checkpoint: where it may keep its state."""
        return RunTracker(self.client, run_id, checkpoint)

    def checkpoint(self, model: str, *names: str) -> Path | None:
        """Return the file for the state of the training of these names."""
        return Path(self.checkpoints, model, "-".join(names)) if self.checkpoints else None

    def register(self, model: str, run_id: str, fitted: "Fitted", tags: dict[str, str]) -> int:
        """Log a fitted model as a pyfunc over raw feature columns and register it.

        tags: with the name of the estimator that the version is loaded by. Returns the registered
        version.
        """
        import mlflow

        with tempfile.TemporaryDirectory() as folder, self._resumed(run_id):
            fitted.save(Path(folder))
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(SERVED),
                artifacts={"fitted": folder},
                code_paths=[str(ML)],
                signature=signature_of(fitted.schema),
                input_example=example_of(fitted.schema),
                model_config={ESTIMATOR: tags.get(ESTIMATOR, FIRST_ESTIMATOR)},
                pip_requirements=[f"{name}=={installed(name)}" for name in REQUIREMENTS],
            )
        reached(f"{tags['kind']}-logged")
        if not self.client.search_registered_models(f"name = '{model}'"):
            self.client.create_registered_model(model)
        found = self.client.create_model_version(
            model, logged.model_uri, run_id, tags, model_id=logged.model_id
        )
        return int(found.version)

    def adopted(self, model: str, tags: Mapping[str, str]) -> Version | None:
        """Return the registered version that has these tags, its run finished; None without one.

        A version exists only once all its files do, so it is whole, however its process ended.
        """
        conditions = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found = self.client.search_model_versions(f"name = '{model}' and {conditions}")
        if not found:
            return None
        first = min(found, key=lambda each: int(each.version))
        run_id = str(first.run_id)
        if self.client.get_run(run_id).info.status != "FINISHED":
            self.client.set_terminated(run_id, "FINISHED")
        return Version(int(first.version), run_id, first.tags)

    def tags(self, model: str, version: int) -> Mapping[str, str]:
        """Return what a registered version says of itself; raises LostVersionError without one."""
        return mlflow_versions.tags_of(self.uri, model, version)

    def load(self, model: str, version: int, declared: tuple[str, ...] = ()) -> "Fitted":
        """Return a registered version's fitted model.

        declared: estimators of the user's own that may be imported (`Train.declared`). Raises
        RegistryError for a version of another one, LostVersionError without the version's files.
        """
        return mlflow_versions.load(self.uri, model, version, declared)

    def estimator_of(self, model: str, version: int, declared: tuple[str, ...] = ()) -> str:
        """Return the estimator that a version is loaded by; raises RegistryError as `load` does."""
        return mlflow_versions.estimator_of(self.uri, model, version, declared)

    def download(self, model: str, version: int, place: Path) -> Path:
        """Bring a version's artifact to `place` and return its folder."""
        return mlflow_versions.download(self.uri, model, version, place)

    def document(self, run_id: str, name: str, content: str) -> str:
        """Keep a text (HTML, JSON) with a run and return where people open it."""
        self.client.log_text(run_id, content, name)
        experiment = self.client.get_run(run_id).info.experiment_id
        return f"{self.url}/#/experiments/{experiment}/runs/{run_id}/artifacts/{name}"

    def read(self, run_id: str, name: str) -> str:
        """Return a text that `document` kept."""
        with tempfile.TemporaryDirectory() as folder:
            return Path(self.client.download_artifacts(run_id, name, folder)).read_text()

    def point(self, model: str, version: int) -> None:
        """Move the champion's alias to what the ledger says is live."""
        with answering(self.uri, f"the alias of {model}"):
            self.client.set_registered_model_alias(model, CHAMPION, str(version))

    def pointed(self, model: str) -> int | None:
        """Return the version that the champion's alias names, or None."""
        with answering(self.uri, f"the alias of {model}"):
            aliases = self.client.get_registered_model(model).aliases
        return int(aliases[CHAMPION]) if CHAMPION in aliases else None

    def version_url(self, model: str, version: int) -> str:
        """Return where people open a version."""
        return f"{self.url}/#/models/{model}/versions/{version}"

    @contextmanager
    def _resumed(self, run_id: str) -> Iterator[None]:
        """Make a run MLflow's active one without changing how it ends."""
        import mlflow

        with mlflow.start_run(run_id=run_id, log_system_metrics=False):
            yield

    def _experiment(self, model: str) -> str:
        if model not in self._experiments:
            found = self.client.get_experiment_by_name(model)
            place = f"{self.artifacts.rstrip('/')}/{model}" if self.artifacts else None
            self._experiments[model] = (
                found.experiment_id if found else self.client.create_experiment(model, place)
            )
            self._end_orphans(self._experiments[model])
        return self._experiments[model]

    def _end_failed(self, run_id: str, error: BaseException) -> None:
        """Mark a run as failed; where not even that works, the error that came first says so."""
        from mlflow import MlflowException

        try:
            self.client.set_terminated(run_id, "FAILED")
        except MlflowException as second:
            error.add_note(f"MLflow run {run_id} could not be marked as failed: {second}")

    def _end_orphans(self, experiment: str) -> None:
        """End runs whose process on this machine is gone: nobody will."""
        mine = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{gethostname()}'"
        for run in self.client.search_runs([experiment], mine):
            if not is_alive(int(run.data.tags[PROCESS])):
                self.client.set_terminated(run.info.run_id, "KILLED")


def is_alive(process: int) -> bool:
    """Return whether a process of this machine has this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def registry_of(settings: Settings) -> Registry:
    """Return MLflow; a database of our own keeps its artifacts in `home`, a server decides."""
    artifacts = "" if served(settings.mlflow_uri) else str(settings.home / "mlartifacts")
    return Registry(
        uri=settings.mlflow_uri,
        artifacts=artifacts,
        url=settings.mlflow_url,
        checkpoints=str(settings.checkpoints),
    )
