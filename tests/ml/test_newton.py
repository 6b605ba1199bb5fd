"""Newton's method finds what solvers with the whole design matrix find."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ml import newton
from ml.newton import minimise

ROWS, RIDGE = 600, 2.0
X = torch.from_numpy(np.random.default_rng(0).normal(size=(ROWS, 3)))
WITH_BIAS = torch.cat([X, torch.ones(ROWS, 1)], dim=1)
SCORES = X @ torch.tensor([[1.0, -1.0, 0.0], [0.5, 0.0, -0.5], [0.0, 0.0, 0.0]]).double()
CLASSES = (SCORES + torch.from_numpy(np.random.default_rng(1).gumbel(size=(ROWS, 3)))).argmax(dim=1)
WEIGHTS = torch.linspace(0.2, 1.8, ROWS)
PENALTY = torch.tensor([RIDGE] * 3 + [0.0]).double()


def solved(losses, outputs=1, columns=WITH_BIAS):
    return minimise(lambda rows: columns[rows], losses, WEIGHTS, PENALTY, outputs).numpy()


def of_class_1(outputs, rows):
    targets = (CLASSES[rows] == 1).double()
    return binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")


def of_classes(outputs, rows):
    return cross_entropy(outputs, CLASSES[rows], reduction="none")


def test_several_classes_are_those_of_a_multinomial_regression() -> None:
    model = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=1000)
    model.fit(X.numpy(), CLASSES.numpy(), sample_weight=WEIGHTS.numpy())
    found = solved(of_classes, outputs=3)
    np.testing.assert_allclose(found[:3].T, model.coef_, atol=1e-6)
    centered = found[3] - found[3].mean()  # a constant on all of them says nothing
    np.testing.assert_allclose(centered, model.intercept_ - model.intercept_.mean(), atol=1e-6)


def test_squared_errors_are_those_of_a_ridge_regression() -> None:
    targets = SCORES[:, 0] + 3
    model = Ridge(alpha=RIDGE).fit(X.numpy(), targets.numpy(), sample_weight=WEIGHTS.numpy())
    found = solved(lambda outputs, rows: (outputs[:, 0] - targets[rows]) ** 2 / 2)
    assert found[:, 0] == pytest.approx([*model.coef_, model.intercept_], abs=1e-8)


def test_chunks_of_rows_change_nothing(monkeypatch) -> None:
    whole = solved(of_class_1)
    monkeypatch.setattr(newton, "CHUNK_ROWS", 250)
    assert solved(of_class_1) == pytest.approx(whole, abs=1e-9)


def test_a_step_that_goes_too_far_is_halved() -> None:
    values = []

    def steep(outputs, rows):  # flat far out: Newton's own step from 0 leads there
        lost = torch.log(torch.cosh(outputs[:, 0] - 2.0))
        values.append(float((lost * WEIGHTS[rows]).sum().detach()))
        return lost

    found = minimise(lambda rows: WITH_BIAS[rows, 3:], steep, WEIGHTS, torch.zeros(1).double())
    assert found.item() == pytest.approx(2.0, abs=1e-4)
    assert max(values) > values[0]  # it was tried, and not taken
