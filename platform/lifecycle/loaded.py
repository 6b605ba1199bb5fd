"""A registered version as its exposure wants to use it."""

from typing import TYPE_CHECKING

from declaration import MlModel
from errors import RegistryError
from resources.registry import Registry

if TYPE_CHECKING:
    from ml.estimators import Fitted


def fitted_of(registry: Registry, model: MlModel, version: int) -> "Fitted":
    """Return a version's fitted model.

    Raises RegistryError for an estimator that is not declared, and for a version that predicts
    something else than what is declared now.
    """
    fitted = registry.load(model.name, version, model.train.declared)
    then, now = fitted.schema.target, model.target
    if (then.name, then.columns) != (now.name, now.columns):
        raise RegistryError(
            f"{model.name} version {version} predicts {then.name} ({', '.join(then.columns)}), its "
            f"exposure declares {now.name} ({', '.join(now.columns)}): what predicts something "
            "else is another model, give its exposure a name of its own"
        )
    return fitted
