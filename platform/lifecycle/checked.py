"""The checks of a watched day, as the ledger keeps them."""

from datetime import date

from declaration import MlModel
from lifecycle.champions import rival_of
from ml.watching import Check
from resources.lake import Lake


def checks_of(lake: Lake, model: MlModel, as_of: date) -> tuple[Check, ...]:
    """Return what the watch of a day has concluded, without the sums; empty where none was.

    Empty, too, where the day's rollback has taken the watched version back: what is wrong with it
    asks for nothing.
    """
    found = lake.rows(
        """select name, passed, severity, statistic, threshold, reason, since
        from ledger.checks where model = ? and as_of = ? and version = ? order by name""",
        [model.name, as_of, rival_of(lake, model.name, as_of)],
    )
    return tuple(Check(**row) for row in found)
