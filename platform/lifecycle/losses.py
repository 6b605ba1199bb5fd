"""The champion's losses: of days whose labels are known."""

from datetime import date

import ledger
from declaration import MlModel
from lifecycle import store
from lifecycle.quality import blocked_days
from lifecycle.tested import unfit_days
from ml.alarm import DayLoss
from resources.lake import Lake, quoted


def losses(lake: Lake, model: MlModel, as_of: date) -> list[DayLoss]:
    """Return the live champion's daily losses known on a day, oldest first.

    Days that held deliveries make unreliable and days that failed their tests are left out.
    """
    if not store.exists(lake, store.performance(model)):
        return []
    time = quoted(model.time)
    rows = lake.rows(
        f"""select {time} as day, rows, mean_loss, sd_loss
        from {quoted("ml", store.performance(model))}
        where version = ? and {time} <= ?::date - ?::integer order by 1""",
        [ledger.champion_on(lake, model.name, as_of), as_of, model.label.horizon_days],
    )
    blocked = blocked_days(lake, model)
    left_out = blocked | unfit_days(lake, model, [row["day"] for row in rows]).keys()
    return [
        DayLoss(row["day"], row["rows"], row["mean_loss"], row["sd_loss"])
        for row in rows
        if row["day"] not in left_out
    ]
