"""A bar that moves with a training's epochs, on a terminal that somebody looks at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ml.tracker import Tracker

TERMINAL = Console(stderr=True)  # one for all that moves: bars of two consoles overwrite each other
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


class Shown:
    """Hands all on to another tracker, and moves a bar; early stopping may leave it unfilled."""

    def __init__(self, tracker: Tracker, bar: Progress, what: str) -> None:
        self._tracker, self._bar, self._what = tracker, bar, what
        self._task = bar.add_task(what, total=None)

    @property
    def checkpoint(self) -> Path | None:
        """The other tracker's."""
        return self._tracker.checkpoint

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Take the number of epochs from the settings, where they name it."""
        self._tracker.params(values)
        epochs = values.get("stop_after") or values.get("epochs")
        self._bar.update(self._task, total=None if epochs is None else int(epochs))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Move to an epoch, and show its losses."""
        self._tracker.metrics(values, step)
        losses = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        self._bar.update(self._task, completed=step, description=f"{self._what} {losses}")


@contextmanager
def shown(tracker: Tracker, what: str, console: Console = TERMINAL) -> Iterator[Tracker]:
    """A tracker that also draws, where the terminal can show it; else the tracker itself."""
    if not console.is_terminal:
        yield tracker
        return
    with Progress(*COLUMNS, console=console, transient=True) as bar:
        yield Shown(tracker, bar, what)
