"""One day of a large shop as arrays: its invoices and their lines, drawn for all at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.crowd import Crowd
from simulation.dirt import (
    DOTCOM_SHARE,
    GIFT_SHARE,
    MANUAL_SHARE,
    ODD_NAME_SHARE,
    POSTAGE_SHARE,
    REPEAT_SHARE,
)
from simulation.dumps import CLOSING, OPENING
from simulation.orders import Baskets, Catalogue, draw_baskets
from simulation.process import Ints
from simulation.vocabulary import DAMAGED, NAMELESS, ODD, Vocabulary

LINES_PER_ORDER = 22.0  # in the mean, as in the real shop
ANONYMOUS_LOG_QUANTITY = 1.0
NOBODY = -1
ORDER, RETURN, CORRECTION = range(3)


class Counts(NamedTuple):
    """Invoices of one day: known customers' orders, anonymous ones, returns, stock corrections."""

    known: int
    anonymous: int
    returns: int
    corrections: int


@dataclass(frozen=True)
class Invoices:
    """One day's invoices in order of time; arrays of shape (invoices,).

    `customer` is a place in the crowd or NOBODY, `country` one in COUNTRIES.
    """

    customer: Ints
    country: Ints
    kind: Ints
    minute: Ints


@dataclass(frozen=True)
class Lines:
    """Lines by invoice; arrays of shape (lines,), `name` and `price` are places in a vocabulary."""

    invoice: Ints
    name: Ints
    quantity: Ints
    price: Ints

    def at(self, places: Ints) -> Lines:
        """The lines at `places`."""
        return Lines(*(getattr(self, field.name)[places] for field in fields(self)))


def draw_invoices(crowd: Crowd, day: int, counts: Counts, rng: np.random.Generator) -> Invoices:
    """Draw who orders on `day` and when; some of the buyers bring something back too."""
    buyers = rng.permutation(crowd.buyers(day, counts.known, rng))
    strangers = np.full(counts.anonymous + counts.corrections, NOBODY)
    customer = np.concatenate([buyers, buyers[: counts.returns], strangers])
    kinds = np.repeat(
        [ORDER, RETURN, ORDER, CORRECTION],
        [counts.known, counts.returns, counts.anonymous, counts.corrections],
    )
    shuffled = rng.permutation(len(customer))
    customer = customer[shuffled]
    return Invoices(
        customer=customer,
        country=np.where(customer == NOBODY, 0, crowd.country[customer]),
        kind=kinds[shuffled],
        minute=np.sort(rng.triangular(OPENING, 13 * 60, CLOSING, len(customer))).astype(int),
    )


def draw_lines(
    invoices: Invoices, crowd: Crowd, catalogue: Catalogue, rng: np.random.Generator
) -> Lines:
    """Draw what each invoice holds: an order's products and extras, else one product."""
    known, ordered = invoices.customer != NOBODY, invoices.kind == ORDER
    usual_lines = np.where(known, crowd.lines_factor[invoices.customer], 1.0) * LINES_PER_ORDER
    usual = np.where(known, crowd.log_quantity[invoices.customer], ANONYMOUS_LOG_QUANTITY)
    baskets = draw_baskets(rng, catalogue, np.where(ordered, usual_lines, 1.0), usual, 1.0)
    vocabulary = Vocabulary(len(catalogue.code))
    products = _products(invoices, baskets, vocabulary, rng)
    lines = _in_order(products, *_extras(invoices, baskets, vocabulary, rng))
    return spoil(lines, vocabulary, rng)


def _products(
    invoices: Invoices, baskets: Baskets, vocabulary: Vocabulary, rng: np.random.Generator
) -> Lines:
    """The products: taken back in a return, written off (damaged or without a word) otherwise."""
    kind = invoices.kind[baskets.order]
    correction = np.flatnonzero(kind == CORRECTION)
    name, price = baskets.product.copy(), baskets.product.copy()
    damaged = rng.random(len(correction)) < 0.5
    name[correction] += np.where(damaged, DAMAGED, NAMELESS) * vocabulary.products
    price[correction] = vocabulary.free
    return Lines(
        invoice=baskets.order,
        name=name,
        quantity=np.where(kind == ORDER, 1, -1) * baskets.quantity,
        price=price,
    )


def _extras(
    invoices: Invoices, baskets: Baskets, vocabulary: Vocabulary, rng: np.random.Generator
) -> list[Lines]:
    """Lines beside the products, with the shares of `dirt.add_extras`."""
    by_post, gift, manual = rng.random((3, len(invoices.kind)))
    order, stranger = invoices.kind == ORDER, invoices.customer == NOBODY
    first = np.searchsorted(baskets.order, np.arange(len(invoices.kind)))

    def single(chosen: NDArray[np.bool_], name: int, price: Ints | int) -> Lines:
        at = np.flatnonzero(order & chosen)
        places = np.broadcast_to(price, len(order))[at].astype(int)
        return Lines(at, np.full(len(at), name), np.ones(len(at), int), places)

    gifts = np.flatnonzero(order & (gift < GIFT_SHARE))
    given = first[gifts]
    free = np.full(len(gifts), vocabulary.free)
    return [
        single((invoices.country > 0) & (by_post < POSTAGE_SHARE), *vocabulary.postage),
        single(
            stranger & (by_post < DOTCOM_SHARE), vocabulary.dotcom, vocabulary.price(20, 100, gift)
        ),
        Lines(gifts, baskets.product[given], baskets.quantity[given], free),
        single(manual < MANUAL_SHARE, vocabulary.manual, vocabulary.price(5, 25, gift)),
    ]


def _in_order(*parts: Lines) -> Lines:
    columns = [
        np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Lines)
    ]
    return Lines(*columns).at(np.argsort(columns[0], kind="stable"))


def spoil(lines: Lines, vocabulary: Vocabulary, rng: np.random.Generator) -> Lines:
    """Respell some names and repeat some lines exactly, with the shares of `dirt.spoil`."""
    odd, repeated = rng.random((2, len(lines.name)))
    respelled = (lines.name < vocabulary.products) & (odd < ODD_NAME_SHARE)
    name = lines.name + np.where(respelled, ODD * vocabulary.products, 0)
    places = np.repeat(np.arange(len(name)), 1 + (repeated < REPEAT_SHARE))
    return replace(lines, name=name).at(places)
