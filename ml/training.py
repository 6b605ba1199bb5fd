"""Train the `tabular` estimator: one visible loop over plain tensors."""

import copy
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ml.determinism import deterministic
from ml.errors import TrainingError
from ml.evaluation import row_log_loss
from ml.network import Network
from ml.preprocessing import Encoded, Preprocessing
from ml.schema import Floats, Schema
from ml.tabular import TabularModel, TrainConfig, build_network, raw_probabilities
from ml.temperature import Calibration
from ml.tracker import Tracker


@dataclass(frozen=True)
class Rows:
    """Encoded rows with labels and weights, both float32 of shape [rows]; weights average 1."""

    inputs: Encoded
    labels: Tensor
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
    rows = _rows(preprocessing, train, weights)
    _require_both_labels(rows.labels)
    held = _held_out(preprocessing, holdout, config)
    with deterministic(config.seed, config.threads):
        network = build_network(preprocessing, config)
        network.start_at(float((rows.labels * rows.weights).mean()))
        network.linear.fit(rows.inputs, rows.labels, rows.weights, config.inverse_ridge)
        network.linear_share.fill_(linear_share(rows.weights, config))
        epochs = _train(network, rows, held, config, tracker)
        calibration = config.calibration
        if held is not None:
            labels = held.labels.double().numpy()
            calibration = Calibration.fit(labels, raw_probabilities(network, held.inputs))
    return TabularModel(preprocessing, network, calibration, config, epochs)


def _train(
    network: Network, rows: Rows, held: Rows | None, config: TrainConfig, tracker: Tracker
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
            logits = network(rows.inputs.positions[batch], rows.inputs.codes[batch])
            loss = _weighted_loss(logits, rows.labels[batch], rows.weights[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            train_loss += loss.item() / batches
        held_loss = None if held is None else _held_out_loss(network, held)
        _report(tracker, epoch, train_loss, held_loss)

        if held_loss is None or held_loss < best_loss:
            best_epoch, best_loss = epoch, held_loss or np.inf
            best_weights = copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= config.patience:
            break

    network.load_state_dict(best_weights)
    return best_epoch


def batches_of(rows: int, config: TrainConfig) -> int:
    """Batches in an epoch: `config.batches`, unless they became smaller or larger than allowed."""
    size = min(max(rows // config.batches, config.least_batch_rows), config.batch_rows)
    return max(1, round(rows / size))


def linear_share(weights: Tensor, config: TrainConfig) -> float:
    """Part of the linear path in the predicted log-odds; falls as rows let the network learn.

    `weights` has shape [rows]. Rows that hardly weigh anything hardly count (Kish, 1965).
    """
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return config.linear_rows / (config.linear_rows + effective)


def _weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean log loss of a batch; every member is trained by its own error, not by the average's."""
    targets = labels[:, None].expand_as(logits)
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses.mean(dim=1) * weights).mean()


def _held_out_loss(network: Network, held: Rows) -> float:
    raw = raw_probabilities(network, held.inputs)
    return float(row_log_loss(held.labels.double().numpy(), raw).mean())


def _report(tracker: Tracker, epoch: int, train_loss: float, held_loss: float | None) -> None:
    """Tell the tracker; raises TrainingError where a loss is not a number."""
    losses = {"train_loss": train_loss}
    if held_loss is not None:
        losses["holdout_loss"] = held_loss
    tracker.metrics(losses, epoch)
    if not np.isfinite(list(losses.values())).all():
        raise TrainingError(f"epoch {epoch} ended with {losses}: lower the learning rate")


def _rows(preprocessing: Preprocessing, table: pa.Table, weights: Floats | None) -> Rows:
    labels = preprocessing.schema.labels(table)
    weights = np.ones(len(labels)) if weights is None else weights
    if weights.shape != labels.shape or not (np.isfinite(weights) & (weights > 0)).all():
        raise TrainingError(
            f"weights have shape {weights.shape} for {labels.shape} rows, or are not all positive: "
            "give one positive number per training row"
        )
    return Rows(
        preprocessing.transform(table),
        torch.tensor(labels, dtype=torch.float32),
        torch.tensor(weights / weights.mean(), dtype=torch.float32),
    )


def _require_both_labels(labels: Tensor) -> None:
    if bool((labels == labels[0]).all()):
        raise TrainingError(
            f"the label is {labels[0]:g} in all {len(labels)} training rows, nothing can be "
            "learned: widen the training window, or check the label's SQL"
        )


def _held_out(
    preprocessing: Preprocessing, holdout: pa.Table | None, config: TrainConfig
) -> Rows | None:
    """Held-out rows, or None for a refit, which must then know when to stop."""
    if holdout is not None and holdout.num_rows:
        return _rows(preprocessing, holdout, None)
    if holdout is not None:
        raise TrainingError("the holdout has no rows: widen the training window")
    if config.stop_after is None:
        raise TrainingError(
            "neither a holdout nor `stop_after`: use the gated model's refit_config"
        )
    return None
