"""The registry of what can be deployed."""

import pytest

from ml.errors import TrainingError
from ml.estimators import ESTIMATORS, estimator


def test_an_estimator_is_found_by_the_name_that_a_declaration_gives_it() -> None:
    assert estimator("tabular") is ESTIMATORS["tabular"]


def test_an_unknown_estimator_is_refused_with_those_that_exist() -> None:
    with pytest.raises(TrainingError, match=r"'forest' is not known.*\['small', 'tabular'\]"):
        estimator("forest")
