"""The nightly dumps: one compressed CSV file per open day, in the real shop's format."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from errors import SetupError
from simulation.dirt import HOME, Invoice, Item, add_extras, spoil
from simulation.files import whole_file
from simulation.orders import Baskets, Catalogue
from simulation.process import COUNTRIES, DIRT_STREAM
from simulation.shop import BUG_FILES, Drift, Shop
from simulation.world import Day, Sales

COLUMNS = ("StockCode", "Description", "Quantity", "InvoiceDate")
OLD_HEADER = ["Invoice", *COLUMNS, "Price", "Customer ID", "Country"]
NEW_HEADER = ["InvoiceNo", *COLUMNS, "UnitPrice", "CustomerID", "Country"]
FIRST_INVOICE = 489434
OPENING, CLOSING = 8 * 60, 18 * 60  # minutes after midnight
BUG_FACTOR = 100
SUFFIX = ".csv.gz"


class Dumps:
    """Writes the days of a shop, in order, into `folder` (one file per open day)."""

    def __init__(self, shop: Shop, catalogue: Catalogue, folder: Path) -> None:
        self._shop, self._catalogue, self._folder = shop, catalogue, folder
        self._invoice = FIRST_INVOICE
        self._buggy_files = 0
        self.files = 0
        self.lines = 0

    def write(self, day: Day) -> None:
        """Write the day's file; no file on closed days and on days without a sale."""
        number = (day.date - self._shop.start).days
        rng = np.random.default_rng([self._shop.seed, DIRT_STREAM, number])
        invoices = add_extras(self._invoices(day.sales), rng)
        if not invoices:
            return
        self._put_bug(invoices, number)
        rows = spoil(self._rows(invoices, day.date, rng), rng)
        header = NEW_HEADER if 2 * number >= self._shop.days else OLD_HEADER
        write_once(self._folder / f"{day.date}{SUFFIX}", compress([header, *rows]))
        self.files += 1
        self.lines += len(rows)

    def _invoices(self, sales: Sales) -> list[Invoice]:
        invoices = [Invoice(items, "", HOME) for items in self._items(sales.anonymous)]
        for who, lines, cancelled in (
            (sales.buyers, sales.baskets, False),
            (sales.returners, sales.returns, True),
        ):
            orders = zip(self._items(lines), who.number, who.country, strict=True)
            invoices += [Invoice(i, str(n), COUNTRIES[c], cancelled) for i, n, c in orders]
        return invoices

    def _items(self, baskets: Baskets) -> list[list[Item]]:
        items: list[list[Item]] = [[] for _ in range(baskets.orders)]
        columns = (baskets.order, baskets.product, baskets.quantity, baskets.price)
        code, name = self._catalogue.code, self._catalogue.description
        for order, product, quantity, price in zip(*(c.tolist() for c in columns), strict=True):
            items[order].append(Item(code[product], name[product], quantity, price))
        return items

    def _put_bug(self, invoices: list[Invoice], number: int) -> None:
        """Prices in pence instead of pounds, in the first three files of the drift."""
        shop = self._shop
        if shop.drift is not Drift.data_bug or number < shop.drift_day:
            return
        if self._buggy_files == BUG_FILES:
            return
        self._buggy_files += 1
        for invoice in invoices:
            invoice.items = [
                i._replace(price=round(i.price * BUG_FACTOR, 2)) for i in invoice.items
            ]

    def _rows(self, invoices: list[Invoice], on: date, rng: np.random.Generator) -> list[list[str]]:
        minutes = np.sort(rng.triangular(OPENING, 13 * 60, CLOSING, len(invoices))).astype(int)
        rows = []
        for minute, place in zip(minutes, rng.permutation(len(invoices)), strict=True):
            invoice = invoices[place]
            letter, sign = ("C", -1) if invoice.cancelled else ("", 1)
            number, time = f"{letter}{self._invoice}", f"{on} {minute // 60:02}:{minute % 60:02}:00"
            self._invoice += 1
            for code, name, quantity, price in invoice.items:
                known = [number, code, name, str(sign * quantity), time, str(price)]
                rows.append([*known, invoice.customer, invoice.country])
        return rows


def compress(rows: list[list[str]]) -> bytes:
    """CSV as the real dumps have it (quotes where needed); the same bytes for the same rows."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0)


def write_once(path: Path, content: bytes) -> None:
    """Write a dump; raises SetupError where `path` has other content: landing files stay."""
    if path.exists():
        if path.read_bytes() != content:
            raise SetupError(
                f"Landing file {path} exists with other content ({path.stat().st_size} bytes, "
                f"the simulated one has {len(content)}): simulate into an empty folder."
            )
        return
    with whole_file(path) as part:
        part.write_bytes(content)


def refuse_other_days(folder: Path, start: date, days: int) -> None:
    """Raise SetupError if `folder` holds a dump of a day outside the `days` from `start` on."""
    own = {f"{start + timedelta(days=number)}{SUFFIX}" for number in range(days)}
    others = sorted({path.name for path in folder.glob(f"*{SUFFIX}")} - own)
    if others:
        raise SetupError(
            f"Landing folder {folder} holds {len(others)} dumps such as {others[0]}, outside "
            f"the {days} days from {start}: simulate into an empty folder."
        )
