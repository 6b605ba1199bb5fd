"""LightGBM tuned on the real shop's days before the walk's first test day.

LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.tuning
"""

from datetime import date, timedelta
from time import process_time
from typing import Any

from bench.models import boosting
from bench.models.rows import parts, shop
from bench.results import MODEL_RESULTS

FIRST, LAST = date(2009, 12, 1), date(2011, 7, 11)  # labels of the last day are known in July
# Decisions, made as those of the walk, and how many weekly days each is judged by.
VALIDATION = {date(2011, 4, 25) + timedelta(21) * n: 2 for n in range(4)}
TRIALS = 50
# Trials learn from every second week and at twice the learning rate that the walk then uses: with
# early stopping the best settings are much the same, and fifty trials take minutes.
TRIAL_DAYS = 14


def measured() -> dict[str, Any]:
    """The best settings, their validation loss and what finding them took."""
    of = shop(FIRST, LAST)
    began = process_time()
    splits = [parts(of, decision, days, TRIAL_DAYS) for decision, days in VALIDATION.items()]
    settings, loss = boosting.tuned(splits, of.schema, TRIALS, seed=0)
    seconds = process_time() - began
    settings["learning_rate"] /= 2
    return {"settings": settings, "loss": loss, "trials": TRIALS, "cpu_seconds": seconds}


if __name__ == "__main__":
    MODEL_RESULTS.keep("tuning", measured())
