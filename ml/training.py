"""Train the `tabular` estimator: one visible loop over plain tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ml.checkpoint import Checkpoint, LoopState, fingerprint_of
from ml.determinism import build, deterministic, mixed
from ml.device import Device
from ml.errors import TrainingError
from ml.network import Network
from ml.preprocessing import Encoded, Preprocessing
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig, build_network, raw_output, raw_predictions
from ml.task import Floats, Task
from ml.team import ALONE, Team
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

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that is learned from, in an order that does not change."""
        return (*vars(self.inputs).values(), self.targets, self.weights)

    def to(self, place: torch.device) -> "Rows":
        """The same rows there; the same tensors where they are there already."""
        inputs = {name: values.to(place) for name, values in vars(self.inputs).items()}
        moved = self.targets.to(place), self.weights.to(place)
        return Rows(Encoded(**inputs), self.labels, *moved)


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
        start = TabularModel(task, preprocessing, network, config.calibration, config, 0)
        epochs = _trained(start, rows, held, tracker)
        _fit_level(network, task, rows, ages_of(train, schema), config)
        calibration = config.calibration
        if held is not None:
            raw = raw_predictions(network, task, held.inputs)
            calibration = Calibration.fit(task, held.labels, raw)
    return TabularModel(task, preprocessing, network, calibration, config, epochs)


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
        losses = {"train_loss": _epoch(state, start, rows, batches, device, team)}
        if held is not None:
            measure = partial(_held_out_loss, network, start.task, held)
            losses["holdout_loss"] = team.told(measure, device.place)
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
    state: LoopState, start: TabularModel, rows: Rows, batches: int, device: Device, team: Team
) -> float:
    """Take a step for every batch of one epoch; returns the mean of the batches' losses."""
    order = seeded(start.config.seed, state.epoch + 1, team)
    shuffled = torch.randperm(len(rows.labels), generator=order).to(device.place)
    total = torch.zeros((), dtype=torch.float64, device=device.place)
    state.network.train()
    for batch in shuffled.tensor_split(batches):
        own = team.slice_of(batch)
        with device.autocast():
            raw = state.network(rows.inputs.positions[own], rows.inputs.codes[own])
        losses = start.task.training_losses(raw.float(), rows.targets[own])
        loss = (losses * rows.weights[own]).sum() / len(batch)  # its part of the batch's mean
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


def _fit_level(network: Network, task: Task, rows: Rows, ages: Tensor, config: TrainConfig) -> None:
    """Learn what shared columns say about all rows of a day beyond what the network says."""
    output = raw_output(network, task, rows.inputs)
    targets = rows.targets.double() if rows.targets.is_floating_point() else rows.targets

    def losses(added: Tensor, some: slice) -> Tensor:
        return task.training_losses((output[some] + added)[:, None], targets[some])

    network.level.fit(
        rows.inputs.shared,
        ages,
        rows.weights,
        losses,
        config.level_ridge,
        config.level_half_life_days,
    )


def ages_of(table: pa.Table, schema: Schema) -> Tensor:
    """Days from every row's day to the newest one, int64 [rows]."""
    days = table[schema.time].cast(pa.date32()).to_numpy()
    return torch.from_numpy((days.max() - days).astype(np.int64))


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


def _held_out_loss(network: Network, task: Task, held: Rows) -> float:
    return float(task.losses(held.labels, raw_predictions(network, task, held.inputs)).mean())


def _report(tracker: Tracker, epoch: int, losses: Mapping[str, float]) -> None:
    """Tell the tracker; raises TrainingError where a loss is not a number."""
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
