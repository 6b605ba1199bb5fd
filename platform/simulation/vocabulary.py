"""The texts that the lines of a large shop are put together from: names and prices, by place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulation.orders import Catalogue
from simulation.process import Floats, Ints

PLAIN, ODD, DAMAGED, NAMELESS = range(4)  # how a product may be named
POSTAGE_PRICE = 18.0
DEAREST = 100  # whole price of a line that is no product
NO_PRODUCTS = (("POST", "POSTAGE"), ("DOT", "DOTCOM POSTAGE"), ("M", "Manual"))


@dataclass(frozen=True)
class Vocabulary:
    """Places of names (all products in each way of naming, then NO_PRODUCTS) and of prices.

    Prices: those of the products, then zero, postage, and whole numbers below DEAREST.
    """

    products: int

    @property
    def free(self) -> int:
        """Place of the price zero."""
        return self.products

    @property
    def postage(self) -> tuple[int, int]:
        """Places of name and price of postage."""
        return 4 * self.products, self.products + 1

    @property
    def dotcom(self) -> int:
        """Place of the name of the web shop's postage."""
        return 4 * self.products + 1

    @property
    def manual(self) -> int:
        """Place of the name of an item entered by hand."""
        return 4 * self.products + 2

    def price(self, least: int, most: int, share: Floats) -> Ints:
        """Places of whole prices from `least` to below `most`; `share` is from 0 to below 1."""
        return self.products + 2 + least + ((most - least) * share).astype(np.int64)


@dataclass(frozen=True)
class Texts:
    """By place: `,code,description,` of each name, and `,price`."""

    names: pa.StringArray
    prices: pa.StringArray


def texts_of(catalogue: Catalogue) -> Texts:
    """Return the texts of a Vocabulary of the catalogue's products."""
    plain = list(zip(catalogue.code, catalogue.description, strict=True))
    odd = [(code, name.replace(" ", "  ", 1)) for code, name in plain]
    damaged = [(code, "damaged") for code, _ in plain]
    nameless = [(code, "") for code, _ in plain]
    names = [*plain, *odd, *damaged, *nameless, *NO_PRODUCTS]
    prices = [*catalogue.price.round(2).tolist(), 0.0, POSTAGE_PRICE, *map(float, range(DEAREST))]
    return Texts(
        names=pa.array([f",{csv_line(name)}," for name in names]),
        prices=pa.array([f",{price}" for price in prices]),
    )


def csv_line(fields: Iterable[str]) -> str:
    """Fields as CSV, quoted where needed, without the end of the line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()
