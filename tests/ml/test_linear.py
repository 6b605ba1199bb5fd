"""The linear path is the ridge logistic regression it says it is."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from ml.linear import LinearPath
from ml.preprocessing import Encoded
from ml.task import BINARY, task_of


@pytest.fixture
def inputs() -> Encoded:
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 8, (500, 3)).astype(np.float32)
    positions[:, 2] = 0.0  # a constant column
    positions[rng.random(500) < 0.2, 1] = np.nan
    return encoded(torch.from_numpy(positions), torch.from_numpy(rng.integers(4, size=(500, 1))))


def encoded(positions: torch.Tensor, codes: torch.Tensor) -> Encoded:
    return Encoded(positions, codes, torch.empty(len(codes), 0))


@pytest.fixture
def labels(inputs: Encoded) -> torch.Tensor:
    odds = inputs.positions[:, 0] - 4 + inputs.positions[:, 1].isnan() + inputs.codes[:, 0]
    return (torch.rand(500, generator=torch.Generator().manual_seed(1)) < odds.sigmoid()).float()


def test_it_equals_sklearn_on_standardised_columns(inputs: Encoded, labels: torch.Tensor) -> None:
    path, weights = LinearPath(3, [5]), torch.linspace(0.5, 1.5, 500)
    path.fit(BINARY, inputs, labels, weights, inverse_ridge=0.1)
    missing = inputs.positions.isnan()
    filled = torch.where(missing, inputs.positions.nanmedian(dim=0).values, inputs.positions)
    numbers = torch.cat([filled, missing], dim=1).double()
    spread = numbers.std(dim=0, correction=0)
    numbers = (numbers - numbers.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)
    levels = torch.nn.functional.one_hot(inputs.codes[:, 0], 5) - 0.0
    levels = levels - levels.mean(dim=0)
    design = torch.cat([numbers, levels], dim=1).numpy()
    model = LogisticRegression(C=0.1, tol=1e-9, max_iter=2000)
    model.fit(design, labels.numpy(), sample_weight=weights.numpy())
    found = path(inputs.positions, inputs.codes)[:, 0].numpy()
    assert found == pytest.approx(model.decision_function(design), abs=1e-3)


def test_a_level_without_training_rows_stays_neutral(inputs: Encoded, labels: torch.Tensor) -> None:
    path = LinearPath(3, [5])
    path.fit(BINARY, inputs, labels, torch.ones(500), inverse_ridge=0.1)
    assert path.weight[-1] == 0.0
    assert path.weight[-2] > path.weight[-5]


def test_rows_without_numbers_or_without_categories_are_fitted(
    inputs: Encoded, labels: torch.Tensor
) -> None:
    none = torch.empty(500, 0)
    for path, given in (
        (LinearPath(0, [5]), encoded(none, inputs.codes)),
        (LinearPath(3, []), encoded(inputs.positions, none.long())),
    ):
        path.fit(BINARY, given, labels, torch.ones(500), inverse_ridge=1.0)
        logits = path(given.positions, given.codes)[:, 0]
        assert ((logits > 0) == (labels > 0)).float().mean() > 0.55


def test_with_several_outputs_it_is_a_multinomial_regression(inputs: Encoded) -> None:
    task = task_of("multiclass", ("a", "b", "c"))
    given = encoded(inputs.positions[:, :1], torch.empty(500, 0).long())
    targets = (inputs.positions[:, 0] / 3).long().clamp(0, 2)
    path = LinearPath(1, [], outputs=3)
    path.fit(task, given, targets, torch.ones(500), inverse_ridge=0.1)
    x = inputs.positions[:, :1].double()
    x = (x - x.mean()) / x.std(correction=0)
    model = LogisticRegression(C=0.1, tol=1e-9, max_iter=2000).fit(x.numpy(), targets.numpy())
    found = path(given.positions, given.codes).softmax(dim=1).numpy()
    assert found == pytest.approx(model.predict_proba(x.numpy()), abs=1e-3)


def test_of_two_classes_it_is_the_logistic_regression_of_the_second(
    inputs: Encoded, labels: torch.Tensor
) -> None:
    one, two, weights = LinearPath(3, [5]), LinearPath(3, [5], outputs=2), torch.ones(500)
    one.fit(BINARY, inputs, labels, weights, inverse_ridge=0.2)  # one slope is shared by the two
    pair = task_of("multiclass", ("no", "yes"))
    two.fit(pair, inputs, labels.long(), weights, inverse_ridge=0.1)
    found = two(inputs.positions, inputs.codes).softmax(dim=1)[:, 1]
    assert torch.allclose(found, one(inputs.positions, inputs.codes)[:, 0].sigmoid(), atol=1e-5)


def test_of_a_number_it_is_a_ridge_regression(inputs: Encoded) -> None:
    given = encoded(inputs.positions[:, :1], torch.empty(500, 0).long())
    path = LinearPath(1, [])
    path.fit(
        task_of("regression"), given, inputs.positions[:, 0], torch.ones(500), inverse_ridge=0.1
    )
    x = inputs.positions[:, :1].double()
    standardised = ((x - x.mean()) / x.std(correction=0)).numpy()
    half = 5  # of the ridge: scikit-learn does not halve a coefficient's square
    model = Ridge(alpha=half).fit(standardised, x[:, 0].numpy())
    found = path(given.positions, given.codes)[:, 0].numpy()
    assert found == pytest.approx(model.predict(standardised), abs=1e-4)
