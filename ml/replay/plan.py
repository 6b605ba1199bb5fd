"""What a model declares, as far as a replay needs it."""

from dataclasses import dataclass, field

from ml.cadence import Cadence
from ml.recipes import NAMES
from ml.splits import Windows
from ml.tabular import TrainConfig
from ml.verdict import GatePolicy


@dataclass(frozen=True)
class Plan:
    """How a model is trained, judged, tried and watched; days are as_of days."""

    windows: Windows
    estimator: str = "tabular"
    config: TrainConfig = field(default_factory=TrainConfig)
    recipes: tuple[str, ...] = NAMES
    window_days: int = 180
    every_days: int = 7
    min_rows: int = 5000
    cooldown_days: int = 7
    cadence: Cadence = field(default_factory=Cadence)
    budget: int = 8
    rest_days: int = 14
    trial_days: int = 14
    watch_days: int = 7  # days that a data incident keeps a model from being trained
    gate: GatePolicy = field(default_factory=GatePolicy)
    slices: tuple[str, ...] = ()
