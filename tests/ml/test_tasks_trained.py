"""Every task is learned, repeated, saved, scored and judged by the same code."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.baselines import fit_baselines
from ml.errors import TrainingError
from ml.evaluation import evaluate
from ml.evidence import Evidence, Learned, Scored
from ml.figures import calibration_plot, comparison_plot
from ml.gate import decide, first_model_beats, refit_agrees
from ml.importance import importance
from ml.recipes import Recipe
from ml.schema import Schema
from ml.splits import Parts, Windows, normal
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import NoTracker
from ml.training import fit
from ml.verdict import GatePolicy

CONFIG = TrainConfig(seed=3, epochs=3, width=16, members=2)
LABELS = {"multiclass": "band", "regression": "amount"}
AS_OF, WINDOWS = date(2024, 2, 14), Windows(horizon_days=5, test_days=5)


@pytest.fixture(scope="module", params=LABELS)
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def columns(task: str, schema: Schema) -> Schema:
    classes = ("low", "mid", "high") if task == "multiclass" else ()
    return replace(schema, label=LABELS[task], task=task, classes=classes)


@pytest.fixture(scope="module")
def parts(customers: Callable[..., pa.Table], columns: Schema) -> Parts:
    table = customers(150, 40)
    noise = np.random.default_rng(5).normal(size=table.num_rows)
    visits, member = (table[name].to_numpy().astype(float) for name in ("visits", "member"))
    amount = 1000 + 50 * (np.abs(visits - 3) + member + noise)
    band = np.digitize(amount, np.quantile(amount, [0.5, 0.8]))
    table = table.append_column("amount", pa.array(amount))
    table = table.append_column("band", pa.array(np.array(["low", "mid", "high"])[band]))
    return normal(AS_OF, WINDOWS, Recipe("window", 60, 1)).parts(table, columns)


@pytest.fixture(scope="module")
def model(parts: Parts, columns: Schema) -> TabularModel:
    return fit(parts.train, parts.holdout, columns, CONFIG, NoTracker(), parts.weights)


@pytest.fixture(scope="module")
def predictions(parts: Parts, columns: Schema, model: TabularModel) -> dict[str, np.ndarray]:
    found = {n: b.predict(parts.test) for n, b in fit_baselines(parts, columns, CONFIG).items()}
    return {"candidate window": model.predict(parts.test), **found}


def evidence(
    parts: Parts, columns: Schema, candidate: np.ndarray, baselines: dict[str, np.ndarray]
) -> Evidence:
    def scored(values: np.ndarray) -> Scored:
        return Scored.of(parts.test, columns, values, Learned(date(2024, 2, 4)))

    return Evidence.of(
        parts.test,
        columns,
        as_of=AS_OF,
        horizon_days=WINDOWS.horizon_days,
        candidates={"window": scored(candidate)},
        champion=None,
        first=True,
        reload_differences={"window": 0.0},
        baselines={n: scored(baselines[n]) for n in first_model_beats(columns.target)},
    )


def test_every_model_predicts_what_the_task_asks_for_and_knows_more_than_a_constant(
    parts: Parts, columns: Schema, predictions: dict[str, np.ndarray]
) -> None:
    target, labels = columns.target, columns.labels(parts.test)
    losses = {n: target.losses(labels, p).mean() for n, p in predictions.items()}
    for values in predictions.values():
        assert values.shape == target.shape(len(labels))
        assert values.dtype == np.float64
        assert target.valid(values).all()
    assert losses["candidate window"] < 0.95 * losses["base_rate"]
    assert losses["lightgbm"] < losses[target.linear_name] < losses["base_rate"]


def test_the_base_rate_is_that_of_the_weighted_training_rows(
    parts: Parts, columns: Schema, predictions: dict[str, np.ndarray]
) -> None:
    expected = columns.target.constant(columns.labels(parts.train), parts.weights)
    assert np.unique(predictions["base_rate"], axis=0) == pytest.approx(expected)


def test_the_same_seed_repeats_to_the_bit_and_a_saved_model_predicts_the_same(
    tmp_path: Path, parts: Parts, columns: Schema, model: TabularModel
) -> None:
    again = fit(parts.train, parts.holdout, columns, CONFIG, NoTracker(), parts.weights)
    assert again.digest() == model.digest()
    model.save(tmp_path)
    loaded = TabularModel.load(tmp_path)
    assert loaded.digest() == model.digest()
    assert np.array_equal(loaded.predict(parts.test), model.predict(parts.test))
    assert model.predict(parts.test.slice(0, 0)).shape == columns.target.shape(0)


def test_a_refit_is_the_model_that_was_judged(
    parts: Parts, columns: Schema, model: TabularModel
) -> None:
    everything = pa.concat_tables([parts.train, parts.holdout])
    refit = fit(everything, None, columns, model.refit_config, NoTracker())
    both = model.predict(parts.test), refit.predict(parts.test)
    assert refit_agrees(columns.target, *both).passed
    assert not refit_agrees(columns.target, both[0], both[1][::-1]).passed


def test_labels_of_one_value_are_refused(parts: Parts, columns: Schema) -> None:
    same = (
        parts.train.filter(pa.compute.equal(parts.train[columns.label], "low"))
        if (columns.classes)
        else parts.train.slice(0, 1)
    )
    with pytest.raises(TrainingError, match="nothing can be learned"):
        fit(same, parts.holdout, columns, CONFIG, NoTracker())


def test_the_gate_lets_a_better_model_in(
    parts: Parts, columns: Schema, predictions: dict[str, np.ndarray]
) -> None:
    best = predictions["lightgbm"]
    verdict = decide(evidence(parts, columns, best, predictions), GatePolicy())
    assert verdict.promote, verdict.reasons
    assert columns.target.unit in verdict.reasons[0]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: np.roll(p, 1, axis=0), "gain over"),
        (lambda p: np.where(np.arange(p.size).reshape(p.shape) == 7, np.nan, p), "no prediction"),
        (lambda p: p * 1.5, "no prediction|gain over"),
        (lambda p: p[:-1], "of shape"),
    ],
    ids=["swapped", "not a number", "too large", "too few"],
)
def test_the_gate_refuses_predictions_that_are_not_of_their_rows(
    parts: Parts, columns: Schema, predictions: dict[str, np.ndarray], spoil: Callable, why: str
) -> None:
    spoiled = spoil(predictions["lightgbm"])
    verdict = decide(evidence(parts, columns, spoiled, predictions), GatePolicy())
    assert not verdict.promote
    found = [reason for reason in verdict.reasons if any(w in reason for w in why.split("|"))]
    assert found, verdict.reasons


def test_an_evaluation_has_metrics_slices_and_figures(
    parts: Parts, columns: Schema, predictions: dict[str, np.ndarray]
) -> None:
    found = evaluate(parts.test, columns, predictions, ["country"], min_slice_rows=50)
    metric, labels = columns.target.metric, columns.labels(parts.test)
    assert found.metrics["lightgbm"][metric] < found.metrics["base_rate"][metric]
    assert all(metric in m for m in found.slices["lightgbm"]["country"].values())
    assert len(found.daily_loss["lightgbm"]) == 5
    assert calibration_plot(found)[:4] == b"\x89PNG"
    assert comparison_plot(columns.target, found, labels, predictions)[:4] == b"\x89PNG"


def test_what_the_label_depends_on_is_important(
    parts: Parts, columns: Schema, model: TabularModel
) -> None:
    found = importance(model.predict, parts.test, columns.features, seed=1)
    assert set(sorted(found, key=lambda name: -found[name])[:2]) == {"visits", "member"}
    assert found["constant"] == 0.0
