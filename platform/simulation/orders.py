"""What is on sale and what an order holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.process import Floats, Ints

COLOURS = ("RED", "WHITE", "PINK", "IVORY", "VINTAGE", "RETRO SPOT", "FRENCH BLUE", "HANGING")
THINGS = (
    "T-LIGHT HOLDER",
    "DOOR MAT",
    "LUNCH BAG",
    "CAKE STAND 3 TIER",
    "JAM JAR",
    "MUG",
    "HEART DECORATION",
    "GREETING CARD, GLITTER",
    'SIGN "HOME SWEET HOME"',
    "WRAPPING PAPER",
    "STORAGE TIN",
    "CUSHION COVER",
    "HOT WATER BOTTLE",
    "EGG CUPS SET OF 4",
    "NAPKINS",
    "WALL CLOCK",
    "PHOTO FRAME",
    "TEA TOWEL",
    "CANDLE POT",
    "ALARM CLOCK BAKELIKE",
)
SIZES = ("", "SMALL", "LARGE")
PADDED_SHARE = 0.2


@dataclass(frozen=True)
class Catalogue:
    """Products on sale; `share` is each one's part of the lines sold."""

    code: list[str]
    description: list[str]
    price: Floats
    share: Floats


def draw_catalogue(rng: np.random.Generator) -> Catalogue:
    """480 products; a fifth of the names carry a stray space, as in the real shop."""
    names = [" ".join(filter(None, (c, s, t))) for t in THINGS for c in COLOURS for s in SIZES]
    padded = rng.random(len(names)) < PADDED_SHARE
    popularity = rng.lognormal(0, 1, len(names))
    suffix = np.where(rng.random(len(names)) < 0.15, "B", "")
    return Catalogue(
        code=[f"{20000 + 7 * i}{letter}" for i, letter in enumerate(suffix)],
        description=[f"{n} " if pad else n for n, pad in zip(names, padded, strict=True)],
        price=np.round(rng.lognormal(0.75, 0.75, len(names)), 1) + 0.15,
        share=popularity / popularity.sum(),
    )


@dataclass(frozen=True)
class Baskets:
    """The lines of `orders` orders; arrays of shape (lines,), `order` counts the orders from 0."""

    orders: int
    order: Ints
    product: Ints
    quantity: Ints
    price: Floats

    def per_order(self) -> tuple[Floats, Floats]:
        """Money and number of lines of each order, both of shape (orders,)."""
        money = np.bincount(self.order, self.quantity * self.price, self.orders)
        lines = np.bincount(self.order, minlength=self.orders)
        return money.astype(np.float64), lines.astype(np.float64)


def draw_baskets(
    rng: np.random.Generator,
    catalogue: Catalogue,
    mean_lines: Floats,
    log_quantity: Floats,
    price_factor: float,
) -> Baskets:
    """One order for each entry of `mean_lines` (lines expected) and `log_quantity` (of a line)."""
    lines = 1 + rng.poisson(np.maximum(mean_lines - 1, 0))
    order = np.repeat(np.arange(len(lines)), lines)
    cumulative = np.cumsum(catalogue.share)
    product = np.minimum(np.searchsorted(cumulative, rng.random(len(order))), len(cumulative) - 1)
    quantity: NDArray[np.float64] = np.exp(rng.normal(log_quantity[order], 0.7))
    return Baskets(
        orders=len(lines),
        order=order,
        product=product,
        quantity=np.maximum(1, np.round(quantity)).astype(np.int64),
        price=np.round(catalogue.price[product] * price_factor, 2),
    )
