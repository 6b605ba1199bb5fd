"""Large dumps to measure with: a shop of any number of lines, its days made in parallel."""

from __future__ import annotations

import gzip
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import numpy as np

from children import end_with_parent
from errors import SetupError
from simulation.crowd import Crowd, draw_crowd
from simulation.dirt import CORRECTION_SHARE, GIFT_SHARE, REPEAT_SHARE
from simulation.dumps import (
    FIRST_INVOICE,
    NEW_HEADER,
    OLD_HEADER,
    SUFFIX,
    refuse_other_days,
    write_once,
)
from simulation.night import LINES_PER_ORDER, Counts, draw_invoices, draw_lines
from simulation.night_csv import csv_of, text_of
from simulation.orders import Catalogue, draw_catalogue
from simulation.process import BEFORE, SETUP_STREAM, Calendar, Floats, Ints, calendar
from simulation.run import TABLE
from simulation.shop import DEFAULT_START
from simulation.vocabulary import Texts, texts_of
from simulation.world import RETURN_RATE

CROWD_STREAM, COUNTS_STREAM, NIGHT_STREAM = 4, 5, 6  # beside the seed; process.py has those before
ANONYMOUS_SHARE = 0.18  # of the orders, and so of the lines
LEAST, MOST = 100, 5_000_000  # lines per open day: customers come back; a day fits in memory
LEVEL = 1  # of gzip: three times as fast as the usual 6, files a quarter larger
DAY_SPREAD = 0.1  # of the log of a day's orders


@dataclass(frozen=True)
class Scale:
    """A large shop: about `lines` lines in `days` days from `start` on, customers in proportion.

    Raises SetupError for a value outside its range.
    """

    lines: int
    days: int
    seed: int
    start: date = DEFAULT_START

    def __post_init__(self) -> None:
        if self.days < 2 or self.seed < 0:
            raise SetupError(
                f"Large shop: `days` is {self.days} and `seed` {self.seed}: choose at least 2 days "
                "and a seed of at least 0."
            )
        least, most = (limit * self.open_days for limit in (LEAST, MOST))
        if not self.open_days or not least <= self.lines <= most:
            raise SetupError(
                f"Large shop: {self.lines:,} lines on {self.open_days} open days: choose from "
                f"{least:,} to {most:,} lines, or other days."
            )

    @property
    def calendar(self) -> Calendar:
        """The days, of shape (days,)."""
        return calendar(self.start, self.days)

    @property
    def open_days(self) -> int:
        """Days with a dump."""
        return int(self.calendar.open.sum())


@dataclass(frozen=True)
class Summary:
    """What was written."""

    dumps: Path
    files: int
    lines: int
    first: date
    last: date


@dataclass(frozen=True)
class LargeShop:
    """What all days share. `counts` are the days' Counts, of shape (days, 4).

    As they are known beforehand, every day knows its first invoice's number.
    """

    catalogue: Catalogue
    texts: Texts
    crowd: Crowd
    counts: Ints


def simulate_lines(
    landing: Path,
    scale: Scale,
    processes: int,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Summary:
    """Write `<landing>/order_lines/YYYY-MM-DD.csv.gz` for every open day, without any truth.

    The same scale gives the same bytes, whatever `processes` is; writing it again over itself
    changes nothing. `progress` is called with (days done, open days). Raises SetupError if the
    landing folder holds other dumps.
    """
    folder = landing / TABLE
    refuse_other_days(folder, scale.start, scale.days)
    days = np.flatnonzero(scale.calendar.open).tolist()
    lines = 0
    spawned = multiprocessing.get_context("spawn")  # a fork would not survive the caller's threads
    workers = min(processes, len(days))
    with ProcessPoolExecutor(workers, spawned, end_with_parent, (os.getpid(),)) as pool:
        for done, written in enumerate(pool.map(partial(write_day, folder, scale), days)):
            lines += written
            progress(done + 1, len(days))
    last = scale.start + timedelta(days=scale.days - 1)
    return Summary(folder, len(days), lines, scale.start, last)


def write_day(folder: Path, scale: Scale, day: int) -> int:
    """Write one open day (counted from the start) from its own random stream; returns its lines."""
    shop, on = shop_of(scale), scale.start + timedelta(days=day)
    rng = np.random.default_rng([scale.seed, NIGHT_STREAM, day])
    invoices = draw_invoices(shop.crowd, day, Counts(*shop.counts[day]), rng)
    lines = draw_lines(invoices, shop.crowd, shop.catalogue, rng)
    text = text_of(on, FIRST_INVOICE + shop.counts[:day].sum(), invoices, lines, shop.texts)
    content = csv_of(NEW_HEADER if 2 * day >= scale.days else OLD_HEADER, text, rng)
    write_once(folder / f"{on}{SUFFIX}", gzip.compress(content, LEVEL, mtime=0))
    return content.count(b"\n") - 1


@cache
def shop_of(scale: Scale) -> LargeShop:
    """Return what all days share; each process draws it once."""
    orders = orders_of(scale)
    rng = np.random.default_rng([scale.seed, COUNTS_STREAM])
    known, anonymous = (1 - ANONYMOUS_SHARE) * orders, ANONYMOUS_SHARE * orders
    expected = np.stack([known, anonymous, RETURN_RATE * known, CORRECTION_SHARE * orders], axis=1)
    catalogue = draw_catalogue(np.random.default_rng([scale.seed, SETUP_STREAM]))
    crowd = np.random.default_rng([scale.seed, CROWD_STREAM])
    return LargeShop(
        catalogue=catalogue,
        texts=texts_of(catalogue),
        crowd=draw_crowd(known.mean(), scale.days, crowd),
        counts=np.floor(expected + rng.random(expected.shape)).astype(np.int64),
    )


def orders_of(scale: Scale) -> Floats:
    """Orders expected on each day, of shape (days,): more at a month's start, none when closed."""
    on, rng = scale.calendar, np.random.default_rng([scale.seed, COUNTS_STREAM, scale.days])
    usual = np.array(BEFORE.weekday)[on.weekday] + BEFORE.month_start * on.month_start
    busy = np.where(on.open, np.exp(usual + rng.normal(0, DAY_SPREAD, scale.days)), 0.0)
    singles = RETURN_RATE + CORRECTION_SHARE + GIFT_SHARE
    per_order = (LINES_PER_ORDER + singles) * (1 + REPEAT_SHARE)
    return scale.lines / per_order * busy / busy.sum()
