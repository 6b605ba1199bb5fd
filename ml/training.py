"""Train the `tabular` estimator: one visible loop over plain tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ml.checkpoint import Checkpoint, LoopState, fingerprint_of
from ml.determinism import build, deterministic, mixed
from ml.device import Device
from ml.errors import TrainingError
from ml.evaluation import row_log_loss
from ml.network import Network
from ml.preprocessing import Encoded, Preprocessing
from ml.schema import Floats, Schema
from ml.tabular import TabularModel, TrainConfig, build_network, raw_probabilities
from ml.team import ALONE, Team
from ml.temperature import Calibration
from ml.tracker import Tracker


@dataclass(frozen=True)
class Rows:
    """Encoded rows with labels and weights, both float32 of shape [rows]; weights average 1."""

    inputs: Encoded
    labels: Tensor
    weights: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in an order that does not change."""
        return (*vars(self.inputs).values(), self.labels, self.weights)

    def to(self, place: torch.device) -> "Rows":
        """The same rows there; the same tensors where they are there already."""
        inputs = {name: values.to(place) for name, values in vars(self.inputs).items()}
        return Rows(Encoded(**inputs), self.labels.to(place), self.weights.to(place))


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
        start = TabularModel(preprocessing, network, config.calibration, config, epochs_run=0)
        epochs = _trained(start, rows, held, tracker)
        calibration = config.calibration
        if held is not None:
            labels = held.labels.double().numpy()
            calibration = Calibration.fit(labels, raw_probabilities(network, held.inputs))
    return TabularModel(preprocessing, network, calibration, config, epochs)


def train(
    start: TabularModel,
    rows: Rows,
    held: Rows | None,
    tracker: Tracker,
    checkpoint: Checkpoint,
    team: Team = ALONE,
) -> int:
    """Fit the network of `start` in place, from the checkpoint on; returns the epochs it has seen.

    Every process of a team calls it with the same rows; the tracker hears of the first one's.
    """
    network, config, device = start.network, start.config, Device.best(team)
    network.to(device.place)
    rows = rows.to(device.place)
    held = None if held is None else held.to(device.place)
    batches = batches_of(len(rows.labels), config)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * batches, pct_start=0.1
    )
    state = LoopState(network, optimizer, schedule)
    state.keep_best(np.inf)
    checkpoint.resume(state)
    for epoch, losses in enumerate(state.losses, 1):
        _report(tracker, epoch, losses)

    last = config.stop_after or config.epochs
    while state.epoch < last and state.epoch - state.best_epoch < config.patience:
        losses = {"train_loss": _epoch(state, rows, batches, config, device, team)}
        if held is not None:
            losses["holdout_loss"] = team.told(partial(_held_out_loss, network, held), device.place)
        state.losses.append(losses)
        if held is None or losses["holdout_loss"] < state.best_loss:
            state.keep_best(losses.get("holdout_loss", np.inf))
        if team.speaks:
            checkpoint.save(state)
        _report(tracker, state.epoch, losses)

    network.load_state_dict(state.best_weights)
    network.to("cpu")
    return state.best_epoch


def _epoch(
    state: LoopState, rows: Rows, batches: int, config: TrainConfig, device: Device, team: Team
) -> float:
    """Take a step for every batch of one epoch; returns the mean of the batches' losses."""
    order = seeded(config.seed, state.epoch + 1, team)
    shuffled = torch.randperm(len(rows.labels), generator=order).to(device.place)
    total = torch.zeros((), dtype=torch.float64, device=device.place)
    state.network.train()
    for batch in shuffled.tensor_split(batches):
        own = team.slice_of(batch)
        with device.autocast():
            logits = state.network(rows.inputs.positions[own], rows.inputs.codes[own])
        loss = _weighted_loss(logits.float(), rows.labels[own], rows.weights[own])
        loss = loss * (len(own) / len(batch))  # its part of the mean over the whole batch
        state.optimizer.zero_grad()
        loss.backward()
        team.sum_gradients(state.network)
        state.optimizer.step()
        state.schedule.step()
        total += loss.detach()
    return team.sum(total) / batches


def seeded(seed: int, epoch: int, team: Team) -> torch.Generator:
    """Seed dropout, for masks of each process's own; returns what orders the rows, alike for all.

    An epoch depends on no random number of those before it.
    """
    torch.manual_seed(mixed(seed, epoch, 1 + team.rank))
    return torch.Generator().manual_seed(mixed(seed, epoch))


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


def _trained(start: TabularModel, rows: Rows, held: Rows | None, tracker: Tracker) -> int:
    """Train the network of `start` in place, here or by several workers; returns its epochs."""
    checkpoint = Checkpoint(tracker.checkpoint)
    if tracker.checkpoint:
        tensors = [*rows.tensors, *(held.tensors if held else ())]
        said = fingerprint_of(start.digest(), str(build()), *tensors)
        checkpoint = Checkpoint(tracker.checkpoint, said)
    if start.config.workers == 1:
        return train(start, rows, held, tracker, checkpoint)
    from ml.distributed import train_together  # only there is Spark needed

    return train_together(start, rows, held, tracker, checkpoint)


def _weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean log loss of a batch; every member is trained by its own error, not by the average's."""
    targets = labels[:, None].expand_as(logits)
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses.mean(dim=1) * weights).mean()


def _held_out_loss(network: Network, held: Rows) -> float:
    raw = raw_probabilities(network, held.inputs)
    return float(row_log_loss(held.labels.double().numpy(), raw).mean())


def _report(tracker: Tracker, epoch: int, losses: Mapping[str, float]) -> None:
    """Tell the tracker; raises TrainingError where a loss is not a number."""
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
