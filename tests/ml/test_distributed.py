"""Two processes train one network together, as one would."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml.errors import TrainingError
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig
from ml.team import ALONE, Team
from ml.tracker import NoTracker
from ml.training import fit, seeded

ALIKE = TrainConfig(seed=3, epochs=3, batch_rows=256, width=16, members=2, dropout=0.0)
LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000")
LISTENS = "0A"  # as the kernel writes it


class Listens(NoTracker):
    """Keeps the losses, and the addresses at which this process and its children listen."""

    def __init__(self) -> None:
        self.losses: list[tuple[int, dict[str, float]]] = []
        self.addresses: set[str] = set()

    def metrics(self, values, step) -> None:
        self.losses.append((step, dict(values)))
        mine = {socket for process in descendants(os.getpid()) for socket in sockets(process)}
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == LISTENS and inode in mine:
                    self.addresses.add(local.split(":")[0])


def descendants(process: int) -> Iterator[int]:
    """Every process that this one has started, and theirs."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


def sockets(process: int) -> Iterator[str]:
    """The inodes of a process's sockets."""
    for descriptor in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed meanwhile
            target = str(descriptor.readlink())
            if target.startswith("socket:"):
                yield target.removeprefix("socket:[").removesuffix("]")


@pytest.fixture
def train(customers: Callable[..., pa.Table], schema: Schema) -> Callable[..., TabularModel]:
    def trained(config: TrainConfig, tracker: NoTracker) -> TabularModel:
        rows = customers(100, 40)
        weights = np.linspace(0.1, 2.0, rows.num_rows - 1000)
        return fit(rows.slice(1000), rows.slice(0, 1000), schema, config, tracker, weights)

    return trained


def test_two_workers_learn_what_one_learns_and_nobody_outside_can_reach_them(train) -> None:
    alone, heard = Listens(), Listens()
    one = train(ALIKE, alone)
    two = train(replace(ALIKE, workers=2), heard)
    assert two.epochs_run == one.epochs_run
    for name, weights in one.network.state_dict().items():
        torch.testing.assert_close(two.network.state_dict()[name], weights, rtol=0, atol=1e-5)
    assert [step for step, _ in heard.losses] == [step for step, _ in alone.losses]
    for (_, found), (_, expected) in zip(heard.losses, alone.losses, strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert heard.addresses
    assert heard.addresses <= set(LOOPBACK)


def test_what_a_worker_cannot_do_comes_back_in_its_own_words(train) -> None:
    wild = replace(ALIKE, learning_rate=1e30, workers=2)
    with pytest.raises(TrainingError, match=r"worker [12] of 2: TrainingError: epoch 1 ended"):
        train(wild, NoTracker())


def test_more_workers_than_rows_are_refused(customers, schema) -> None:
    rows = customers(100, 40).slice(0, 30)
    with pytest.raises(TrainingError, match="30 rows for 31 workers"):
        fit(rows, rows, schema, replace(ALIKE, workers=31), NoTracker())


def test_slices_of_a_batch_are_the_whole_batch_in_its_order() -> None:
    batch = torch.arange(11)
    slices = [Team(rank, 3).slice_of(batch) for rank in range(3)]
    assert torch.equal(torch.cat(slices), batch)
    assert [len(each) for each in slices] == [4, 4, 3]
    assert ALONE.slice_of(batch) is batch


def test_workers_see_the_same_order_of_rows_and_drop_other_units() -> None:
    orders, masks = [], []
    for team in (Team(0, 2), Team(1, 2), Team(1, 2)):
        orders.append(torch.randperm(50, generator=seeded(7, 2, team)))
        masks.append(torch.rand(50))
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[1], masks[2])
    assert not torch.equal(torch.randperm(50, generator=seeded(7, 3, Team(0, 2))), orders[0])
