"""A bar moves where somebody looks, and changes nothing of what is tracked."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ml.progress import shown
from ml.tracker import NoTracker


class Heard(NoTracker):
    checkpoint = Path("here")

    def __init__(self) -> None:
        self.all: list[object] = []

    def params(self, values) -> None:
        self.all.append(values)

    def metrics(self, values, step) -> None:
        self.all.append((values, step))


@pytest.mark.parametrize("settings", [{"epochs": 3, "stop_after": None}, {"stop_after": 3}, {}])
def test_a_terminal_shows_epochs_and_losses_and_the_tracker_hears_the_same(settings) -> None:
    written, tracker = StringIO(), Heard()
    console = Console(file=written, force_terminal=True, width=120)
    with shown(tracker, "shop candidate", console) as bar:
        bar.params(settings)
        bar.metrics({"train_loss": 0.25}, 2)
        assert bar.checkpoint == Path("here")
    assert tracker.all == [settings, ({"train_loss": 0.25}, 2)]
    assert "shop candidate train_loss 0.2500" in written.getvalue()
    assert ("2/3" if settings else "2/?") in written.getvalue()


def test_where_nobody_looks_the_tracker_is_left_as_it_is() -> None:
    tracker = Heard()
    with shown(tracker, "shop candidate", Console(file=StringIO())) as same:
        assert same is tracker
