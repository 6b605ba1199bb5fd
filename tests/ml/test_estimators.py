"""What can be deployed: built-in names, and the user's own that keep the contract."""

from pathlib import Path

import numpy as np
import pytest

from ml.errors import EstimatorError
from ml.estimators import ESTIMATORS, estimator
from ml.own_estimator import BUILT_IN, own
from ml.tabular import TrainConfig
from ml.tracker import NoTracker

NETWORKS = Path(__file__).parents[1] / "projects" / "networks"
ONE_LAYER = "shop_networks:one_layer"

WRONG = """
from ml.estimators import Estimator

a_number = 7

def needs_an_argument(width):
    return Estimator(fit, load)

def fails():
    raise OSError("no weights here")

def without_load():
    class Half:
        fit = staticmethod(lambda train, holdout, schema, config, tracker, weights: None)
    return Half()

def other_arguments():
    return Estimator(lambda rows, labels: None, load)

def fits_nothing():
    return Estimator(lambda *given: {"weights": 1}, lambda folder: None)

def load(folder):
    return None
"""


@pytest.fixture
def importable(tmp_path, monkeypatch) -> None:
    """The users' modules are on the Python path."""
    (tmp_path / "wrong_networks.py").write_text(WRONG)
    (tmp_path / "broken_networks.py").write_text("import a_package_that_nobody_has\n")
    for place in (tmp_path, NETWORKS):
        monkeypatch.syspath_prepend(str(place))


def test_an_estimator_is_found_by_the_name_that_a_declaration_gives_it() -> None:
    assert estimator("tabular") is ESTIMATORS["tabular"]
    assert set(BUILT_IN) == set(ESTIMATORS)


def test_an_unknown_estimator_is_refused_with_those_that_exist() -> None:
    with pytest.raises(EstimatorError, match=r"'forest': use one of 'small', 'tabular', or your"):
        estimator("forest")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shop_networks", "use one of 'small', 'tabular', or your own as 'package.module:factory'"),
        ("os;import:x", "package.module:factory"),
        (
            "no_such_networks:one",
            r"no_such_networks cannot be imported \(ModuleNotFound.*PYTH",
        ),
        ("broken_networks:one", "No module named 'a_package_that_nobody_has'"),
        ("wrong_networks:two", r"two is not there in .*wrong_networks.py: name a function"),
        ("wrong_networks:a_number", "a_number is not callable"),
        ("wrong_networks:needs_an_argument", "missing 1 required .* takes no argument"),
        ("wrong_networks:fails", "OSError: no weights here"),
        ("wrong_networks:without_load", r"a Half without load\(folder\): return ml.estimators"),
        ("wrong_networks:other_arguments", r"cannot be called as fit\(train, holdout, schema"),
    ],
)
def test_a_name_that_leads_to_no_estimator_says_what_was_found(importable, name, words) -> None:
    with pytest.raises(EstimatorError, match=words):
        estimator(name)


def test_a_fit_that_gives_no_model_says_what_is_missing(
    importable, customers, schema, tmp_path
) -> None:
    wrong = estimator("wrong_networks:fits_nothing")
    with pytest.raises(EstimatorError, match=r"fit returned a dict without predict\(\), save"):
        wrong.fit(customers(), None, schema, TrainConfig(), NoTracker(), None)
    with pytest.raises(EstimatorError, match=r"load returned a NoneType without .*refit_config"):
        wrong.load(tmp_path)


def test_a_network_of_one_s_own_is_made_once_and_comes_back_from_its_folder(
    importable, customers, schema, tmp_path
) -> None:
    rows, config = customers(), TrainConfig(seed=3)
    made = estimator(ONE_LAYER)
    fitted = made.fit(rows, rows.slice(0, 900), schema, config, NoTracker(), None)
    again = made.fit(rows, None, schema, fitted.refit_config, NoTracker(), None)
    fitted.save(tmp_path)
    loaded = made.load(tmp_path)
    assert own(ONE_LAYER) is made
    assert loaded.digest() == fitted.digest() == again.digest()
    assert loaded.schema == schema
    assert loaded.refit_config.seed == 3
    np.testing.assert_array_equal(loaded.predict(rows), fitted.predict(rows))
    assert fitted.predict(rows).dtype == np.float64
