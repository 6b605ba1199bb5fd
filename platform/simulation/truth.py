"""The true probabilities of the simulated shop, which no pipeline reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from simulation.files import whole_file
from simulation.process import Ints
from simulation.world import Day


class Truth:
    """Collects the days of a world: the written ones and one horizon after them."""

    def __init__(self, days: int, horizon: int) -> None:
        self._days, self._horizon = days, horizon
        self._seen: list[Day] = []

    def add(self, day: Day) -> None:
        """Take the next day."""
        self._seen.append(day)

    def table(self) -> pd.DataFrame:
        """One row per customer and day, from a customer's first purchase to their lapse.

        Columns: customer_id, day, days_since_purchase (at the day's end), probability (of buying on
        that day; null on a customer's first), and for (day, day + horizon]: probability_{horizon}d,
        probability_{horizon}d_before_drift, bought_within_{horizon}d.
        """
        days, within = self._seen[: self._days], f"{self._horizon}d"
        customer = np.stack([day.customer for day in days])
        at = customer > 0
        span = [day.date for day in days]
        return pd.DataFrame(
            {
                "customer_id": pd.Series(customer[at].astype(str), dtype="string[pyarrow]"),
                "day": np.repeat(np.array(span, "datetime64[s]"), at.sum(axis=1)),
                "days_since_purchase": np.stack([day.recency for day in days])[at],
                "probability": np.stack([day.chance for day in days])[at],
                f"probability_{within}": np.stack([day.ahead for day in days])[at],
                f"probability_{within}_before_drift": np.stack([d.ahead_before for d in days])[at],
                f"bought_within_{within}": (self._next_purchase() <= self._horizon)[at],
            }
        )

    def write(self, path: Path) -> None:
        """Write the table as Parquet; an interrupted write leaves the old file."""
        dates = {"day": pd.ArrowDtype(pa.date32())}
        with whole_file(path) as part:
            self.table().astype(dates).to_parquet(part, index=False)

    def _next_purchase(self) -> Ints:
        """Days until the same customer's next purchase, shape (days, places)."""
        later = self._seen[-1]
        wait = np.full(len(later.customer), len(self._seen))
        waits = []
        for day in reversed(self._seen[:-1]):
            again = np.where(later.bought, 1, wait + 1)
            wait = np.where(later.customer == day.customer, again, len(self._seen))
            waits.append(wait)
            later = day
        return np.stack(waits[::-1])[: self._days]
