"""An estimator of the user's own, `package.module:factory`: imported, and held to its contract.

Only a name that is declared gets here. What it names is imported from Python's own path; nothing
is ever run, or unpickled, from an artifact.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import EstimatorError
from ml.tracker import Tracker

if TYPE_CHECKING:  # a declaration is read without loading PyTorch or Arrow
    import pyarrow as pa

    from ml.estimators import Fitted
    from ml.schema import Floats, Schema
    from ml.tabular import TrainConfig

BUILT_IN = ("small", "tabular")
FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
FIT = ("train", "holdout", "schema", "config", "tracker", "weights")
LOAD = ("folder",)
METHODS = ("predict", "save", "digest")
RETURN = "return ml.estimators.Estimator(fit, load)"


@dataclass(frozen=True)
class Own:
    """What a factory has made; all that it fits and loads keeps the contract of `Fitted`."""

    name: str
    made: Any

    def fit(
        self,
        train: "pa.Table",
        holdout: "pa.Table | None",
        schema: "Schema",
        config: "TrainConfig",
        tracker: Tracker,
        weights: "Floats | None" = None,
    ) -> "Fitted":
        """Fit the user's model; raises EstimatorError where it is none that can go live."""
        fitted = self.made.fit(train, holdout, schema, config, tracker, weights)
        return _kept(self.name, "fit", fitted)

    def load(self, folder: Path) -> "Fitted":
        """Read what the user's model has saved; raises EstimatorError where it is none."""
        return _kept(self.name, "load", self.made.load(folder))


def require(name: str) -> None:
    """Raise EstimatorError unless a name is built in or leads to a factory of one's own."""
    if name not in BUILT_IN:
        own(name)


@lru_cache(maxsize=64)
def own(name: str) -> Own:
    """Import and call a factory, once per process; raises EstimatorError with what was found."""
    factory = _imported(name)
    try:
        made = factory()
    except Exception as error:  # the user's code
        fix = f"the factory failed with {_told(error)}; it takes no argument and must {RETURN}"
        raise EstimatorError(name, fix) from error
    _require_call(name, made, "fit", FIT)
    _require_call(name, made, "load", LOAD)
    return Own(name, made)


def _imported(name: str) -> Callable[[], Any]:
    if not FORM.fullmatch(name):
        known = ", ".join(repr(each) for each in BUILT_IN)
        raise EstimatorError(name, f"use one of {known}, or your own as 'package.module:factory'")
    place, attribute = name.split(":")
    try:
        module = import_module(place)
    except Exception as error:  # missing, or whatever the user's module raises
        fix = f"{place} cannot be imported ({_told(error)}): put its folder on PYTHONPATH"
        raise EstimatorError(name, fix) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        found = "is not callable" if hasattr(module, attribute) else "is not there"
        fix = f"{attribute} {found} in {module.__file__}: name a function that must {RETURN}"
        raise EstimatorError(name, fix)
    return factory


def _require_call(name: str, made: Any, method: str, arguments: tuple[str, ...]) -> None:
    """Check that a method is there and takes these arguments by position."""
    call, wanted = getattr(made, method, None), f"{method}({', '.join(arguments)})"
    if not callable(call):
        fix = f"the factory returned {_kind(made)} without {wanted}: {RETURN}"
        raise EstimatorError(name, fix)
    try:
        inspect.signature(call).bind(*arguments)
    except (TypeError, ValueError) as error:
        fix = f"{method} cannot be called as {wanted} ({error}): give it these arguments"
        raise EstimatorError(name, fix) from error


def _kept(name: str, method: str, found: Any) -> "Fitted":
    from ml.schema import Schema
    from ml.tabular import TrainConfig

    missing = [f"{n}()" for n in METHODS if not callable(getattr(found, n, None))]
    typed = {"schema": Schema, "refit_config": TrainConfig}
    missing += [n for n, kind in typed.items() if not isinstance(getattr(found, n, None), kind)]
    if missing:
        fix = f"{method} returned {_kind(found)} without {', '.join(missing)}: see ml.estimators"
        raise EstimatorError(name, f"{fix}.Fitted for what the platform needs of a model")
    return found


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
