"""Train the `tabular` estimator: one visible loop over plain tensors."""

import copy
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ml.determinism import deterministic
from ml.errors import TrainingError
from ml.network import Network
from ml.preprocessing import Encoded, Preprocessing
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig, build_network, raw_output, raw_predictions
from ml.task import Floats, Task
from ml.temperature import Calibration
from ml.tracker import Tracker


@dataclass(frozen=True)
class Rows:
    """Encoded rows with what the task makes of labels, and weights, all of shape [rows].

    labels: float64. targets: what the loss takes. weights: float32, they average 1.
    """

    inputs: Encoded
    labels: Floats
    targets: Tensor
    weights: Tensor


def fit(
    train: pa.Table,
    holdout: pa.Table | None,
    schema: Schema,
    config: TrainConfig,
    tracker: Tracker,
    weights: Floats | None = None,
) -> TabularModel:
    """Train on `train`; `weights`, of shape [train rows], may have any positive scale.

    With a holdout the best epoch is kept and the model is calibrated on it; without one the config
    says when to stop. Repeats to the bit for one seed, thread count, build and CPU capability.
    Raises TrainingError or SchemaError for rows that cannot be learned from.
    """
    tracker.params({"train_rows": train.num_rows, **asdict(config)})
    preprocessing = Preprocessing.fit(train, schema, config.bins, config.min_level_rows)
    labels = schema.labels(train)
    _require_learnable(schema.target, labels, weights)
    task = schema.target.fitted(labels, weights)
    rows = _rows(task, preprocessing, train, weights)
    held = _held_out(task, preprocessing, holdout, config)
    with deterministic(config.seed, config.threads):
        network = build_network(preprocessing, config)
        network.start_at(task.start(rows.targets, rows.weights))
        network.linear.fit(task, rows.inputs, rows.targets, rows.weights, config.inverse_ridge)
        network.linear_share.fill_(linear_share(rows.weights, config))
        epochs = _train(network, task, rows, held, config, tracker)
        _fit_level(network, task, rows, days_of(train, schema), config)
        calibration = config.calibration
        if held is not None:
            raw = raw_predictions(network, task, held.inputs)
            calibration = Calibration.fit(task, held.labels, raw)
    return TabularModel(task, preprocessing, network, calibration, config, epochs)


def _train(
    network: Network,
    task: Task,
    rows: Rows,
    held: Rows | None,
    config: TrainConfig,
    tracker: Tracker,
) -> int:
    """Fit the network in place; returns the epochs that its weights have seen."""
    count = len(rows.labels)
    batches = batches_of(count, config)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * batches, pct_start=0.1
    )
    best_epoch, best_loss, best_weights = 0, np.inf, copy.deepcopy(network.state_dict())

    for epoch in range(1, (config.stop_after or config.epochs) + 1):
        network.train()
        train_loss = 0.0
        for batch in torch.randperm(count).tensor_split(batches):
            raw = network(rows.inputs.positions[batch], rows.inputs.codes[batch])
            losses = task.training_losses(raw, rows.targets[batch])
            loss = (losses * rows.weights[batch]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            train_loss += loss.item() / batches
        held_loss = None if held is None else _held_out_loss(network, task, held)
        _report(tracker, epoch, train_loss, held_loss)

        if held_loss is None or held_loss < best_loss:
            best_epoch, best_loss = epoch, held_loss or np.inf
            best_weights = copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= config.patience:
            break

    network.load_state_dict(best_weights)
    return best_epoch


def _fit_level(network: Network, task: Task, rows: Rows, days: Tensor, config: TrainConfig) -> None:
    """Learn what shared columns say about all rows of a day beyond what the network says."""
    if not rows.inputs.shared.shape[1]:
        return
    output = raw_output(network, task, rows.inputs).double()
    targets = rows.targets.double() if rows.targets.is_floating_point() else rows.targets

    def loss(added: Tensor) -> Tensor:
        return task.training_losses((output + added)[:, None], targets)

    network.level.fit(rows.inputs.shared, days, rows.weights, loss, config.level_ridge)


def days_of(table: pa.Table, schema: Schema) -> Tensor:
    """The number of every row's day, shape [rows]."""
    return torch.from_numpy(np.unique(table[schema.time].to_numpy(), return_inverse=True)[1])


def batches_of(rows: int, config: TrainConfig) -> int:
    """Batches in an epoch: `config.batches`, unless they became smaller or larger than allowed."""
    size = min(max(rows // config.batches, config.least_batch_rows), config.batch_rows)
    return max(1, round(rows / size))


def linear_share(weights: Tensor, config: TrainConfig) -> float:
    """Part of the linear path in the predicted output; falls as rows let the network learn.

    `weights` has shape [rows]. Rows that hardly weigh anything hardly count (Kish, 1965).
    """
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return config.linear_rows / (config.linear_rows + effective)


def _held_out_loss(network: Network, task: Task, held: Rows) -> float:
    return float(task.losses(held.labels, raw_predictions(network, task, held.inputs)).mean())


def _report(tracker: Tracker, epoch: int, train_loss: float, held_loss: float | None) -> None:
    """Tell the tracker; raises TrainingError where a loss is not a number."""
    losses = {"train_loss": train_loss}
    if held_loss is not None:
        losses["holdout_loss"] = held_loss
    tracker.metrics(losses, epoch)
    if not np.isfinite(list(losses.values())).all():
        raise TrainingError(f"epoch {epoch} ended with {losses}: lower the learning rate")


def _rows(
    task: Task, preprocessing: Preprocessing, table: pa.Table, weights: Floats | None
) -> Rows:
    labels = preprocessing.schema.labels(table)
    weights = np.ones(len(labels)) if weights is None else weights
    return Rows(
        preprocessing.transform(table),
        labels,
        task.targets(labels),
        torch.tensor(weights / weights.mean(), dtype=torch.float32),
    )


def _require_learnable(task: Task, labels: Floats, weights: Floats | None) -> None:
    weights = np.ones(len(labels)) if weights is None else weights
    if weights.shape != labels.shape or not (np.isfinite(weights) & (weights > 0)).all():
        raise TrainingError(
            f"weights have shape {weights.shape} for {labels.shape} rows, or are not all positive: "
            "give one positive number per training row"
        )
    if why := task.untrainable(labels):
        raise TrainingError(
            f"{why}, nothing can be learned: widen the training window, or check the label's SQL"
        )


def _held_out(
    task: Task, preprocessing: Preprocessing, holdout: pa.Table | None, config: TrainConfig
) -> Rows | None:
    """Held-out rows, or None for a refit, which must then know when to stop."""
    if holdout is not None and holdout.num_rows:
        return _rows(task, preprocessing, holdout, None)
    if holdout is not None:
        raise TrainingError("the holdout has no rows: widen the training window")
    if config.stop_after is None:
        raise TrainingError(
            "neither a holdout nor `stop_after`: use the gated model's refit_config"
        )
    return None
