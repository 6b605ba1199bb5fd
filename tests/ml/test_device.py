"""Where a network is trained, and in which precision."""

import numpy as np
import pytest
import torch

from ml.device import Device
from ml.tabular import TrainConfig
from ml.team import ALONE, Team
from ml.tracker import NoTracker
from ml.training import fit

CONFIG = TrainConfig(seed=3, epochs=2, batch_rows=256, width=16, members=2)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("gpus", "team", "device"),
    [
        (0, ALONE, Device(CPU, bf16=False)),
        (1, ALONE, Device(torch.device("cuda", 0), bf16=True)),
        (2, Team(1, 2), Device(torch.device("cuda", 1), bf16=True)),
        (1, Team(1, 2), Device(CPU, bf16=False)),
    ],
)
def test_a_team_trains_on_gpus_where_there_is_one_for_each(monkeypatch, gpus, team, device) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert Device.best(team) == device


def test_bfloat16_learns_almost_the_same_and_leaves_weights_of_float32(
    monkeypatch, customers, schema
) -> None:
    rows = customers(100, 40)
    train, held = rows.slice(1000), rows.slice(0, 1000)
    exact = fit(train, held, schema, CONFIG, NoTracker())
    monkeypatch.setattr(Device, "best", lambda team: Device(CPU, bf16=True))
    coarse = fit(train, held, schema, CONFIG, NoTracker())
    assert {weights.dtype for weights in coarse.network.parameters()} == {torch.float32}
    assert coarse.digest() != exact.digest()
    assert np.abs(coarse.predict(held) - exact.predict(held)).max() < 0.01
