"""What else a real dump holds: postage, gifts, corrections, odd names, repeats, broken lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

POSTAGE_SHARE = 0.3  # of the orders from abroad
DOTCOM_SHARE = 0.05  # of the anonymous orders
GIFT_SHARE = 0.02  # of the orders: one line with price zero
MANUAL_SHARE = 0.004  # of the orders
CORRECTION_SHARE = 0.02  # of the orders: stock written off, no customer, price zero
ODD_NAME_SHARE = 0.03  # of the lines
REPEAT_SHARE = 0.01  # of the lines
BROKEN_SHARE, MOST_BROKEN = 0.001, 0.01  # of the lines: in the mean, and of one day at most
WAYS = 4  # in which a line may be broken
HOME = "United Kingdom"
PRICE, QUANTITY, DESCRIPTION = 5, 3, 2


class Item(NamedTuple):
    """One line of an invoice."""

    code: str
    description: str
    quantity: int
    price: float


@dataclass
class Invoice:
    """One invoice; `customer` is empty for an anonymous purchase."""

    items: list[Item]
    customer: str
    country: str
    cancelled: bool = False


def add_extras(invoices: list[Invoice], rng: np.random.Generator) -> list[Invoice]:
    """Add lines that are no products to some orders, and invoices that only correct the stock.

    Every order keeps its own lines, so what a customer truly bought stays in the dump.
    """
    corrections = []
    for invoice, draw in zip(invoices, rng.random((len(invoices), 4)), strict=True):
        first = invoice.items[0]
        if invoice.country != HOME and draw[0] < POSTAGE_SHARE:
            invoice.items.append(Item("POST", "POSTAGE", 1, 18.0))
        if not invoice.customer and draw[0] < DOTCOM_SHARE:
            invoice.items.append(Item("DOT", "DOTCOM POSTAGE", 1, round(20 + 80 * draw[1], 2)))
        if draw[2] < GIFT_SHARE:
            invoice.items.append(first._replace(price=0.0))
        if draw[3] < MANUAL_SHARE:
            invoice.items.append(Item("M", "Manual", 1, round(5 + 20 * draw[1], 2)))
        if draw[3] > 1 - CORRECTION_SHARE:
            name = "damaged" if draw[1] < 0.5 else ""
            lost = Item(first.code, name, -first.quantity, 0.0)
            corrections.append(Invoice([lost], "", HOME))
    return invoices + corrections


def spoil(rows: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Respell some names, repeat some lines exactly, and follow a few by a broken copy."""
    odd, repeated = rng.random((2, len(rows)))
    broken = min(rng.binomial(len(rows), BROKEN_SHARE), int(MOST_BROKEN * len(rows)))
    broken_rows = set(rng.permutation(len(rows))[:broken].tolist())
    spoiled = []
    for number, row in enumerate(rows):
        if odd[number] < ODD_NAME_SHARE:
            row[DESCRIPTION] = row[DESCRIPTION].replace(" ", "  ", 1)
        spoiled.append(row)
        if repeated[number] < REPEAT_SHARE:
            spoiled.append(row)
        if number in broken_rows:
            spoiled.append(broken_copy(row, int(rng.integers(WAYS))))
    return spoiled


def broken_copy(row: list[str], way: int) -> list[str]:
    """Return a copy of the row's fields that breaks the contract in one of WAYS ways, from 0."""
    copy = list(row)
    if way == 0:
        copy[PRICE] = "n/a"
    elif way == 1:
        copy[QUANTITY] += " pcs"
    elif way == 2:
        return copy[:PRICE]
    else:
        copy.append("?")
    return copy
