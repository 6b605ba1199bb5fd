"""From a declaration to the splits of `ml.splits`, with what the champion has already seen."""

from datetime import date, timedelta

from declaration import MlModel
from ml import splits
from resources.lake import Lake


def windows_of(model: MlModel) -> splits.Windows:
    """Return the lengths that a model declares."""
    return splits.Windows(
        horizon_days=model.label.horizon_days,
        test_days=model.gate.test_days,
        window_days=model.train.window_days,
        every_days=model.train.every_days,
    )


def split_of(model: MlModel, as_of: date, lane: str, champion_decided: date | None) -> splits.Split:
    """Return a decision day's split.

    Only days after the champion was decided judge it: its refit has learned from labels that
    reach up to that day, so earlier days are not unseen.
    """
    unseen = champion_decided + timedelta(days=1) if champion_decided else None
    make = splits.alarm if lane == "alarm" else splits.normal
    return make(as_of, windows_of(model), unseen)


def champion_decided_on(lake: Lake, model: MlModel, day: date) -> date | None:
    """Return the day on which the champion of `day` was promoted, or None before the first."""
    found = lake.rows(
        """select max(as_of) as as_of from ledger.promotions
        where model = ? and promoted and as_of < ?""",
        [model.name, day],
    )
    return found[0]["as_of"]
