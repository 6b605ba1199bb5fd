"""The text of a large day: fragments are joined by Arrow, without a loop over lines."""

from __future__ import annotations

import csv
from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation.dirt import (
    BROKEN_SHARE,
    MOST_BROKEN,
    WAYS,
    broken_copy,
)
from simulation.night import NOBODY, RETURN, Invoices, Lines
from simulation.population import FIRST_CUSTOMER
from simulation.process import COUNTRIES
from simulation.vocabulary import Texts, csv_line


def csv_of(header: list[str], lines: pa.StringArray, rng: np.random.Generator) -> bytes:
    """A dump of the lines, a few of them followed by a broken copy."""
    return b"".join([f"{csv_line(header)}\n".encode(), *_with_broken(lines, rng)])


def text_of(
    on: date, first_invoice: int, invoices: Invoices, lines: Lines, texts: Texts
) -> pa.StringArray:
    """The lines as CSV, in their order; the day's invoices count from `first_invoice`."""
    numbers, times, ends = _invoice_texts(on, first_invoice, invoices)
    invoice = pa.array(lines.invoice)
    return pc.binary_join_element_wise(
        pa.array(numbers).take(invoice),
        texts.names.take(pa.array(lines.name)),
        pa.array(lines.quantity).cast(pa.string()),
        pa.array(times).take(invoice),
        texts.prices.take(pa.array(lines.price)),
        pa.array(ends).take(invoice),
        "",
    )


def _invoice_texts(
    on: date, first_invoice: int, invoices: Invoices
) -> tuple[list[str], list[str], list[str]]:
    letters = np.where(invoices.kind == RETURN, "C", "").tolist()
    numbers = [f"{letter}{first_invoice + n}" for n, letter in enumerate(letters)]
    times = [f",{on} {minute // 60:02}:{minute % 60:02}:00" for minute in invoices.minute.tolist()]
    known = np.where(
        invoices.customer == NOBODY, "", (FIRST_CUSTOMER + invoices.customer).astype(str)
    )
    ends = [
        f",{customer},{COUNTRIES[country]}\n"
        for customer, country in zip(known.tolist(), invoices.country.tolist(), strict=True)
    ]
    return numbers, times, ends


def _with_broken(lines: pa.StringArray, rng: np.random.Generator) -> list[memoryview | bytes]:
    """The lines' bytes in pieces; a broken copy follows each of the lines drawn for it."""
    _, offsets, content = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[: len(lines) + 1]
    count = min(rng.binomial(len(lines), BROKEN_SHARE), int(MOST_BROKEN * len(lines)))
    chosen = np.sort(rng.choice(len(lines), count, replace=False))
    ways = rng.integers(WAYS, size=count).tolist()
    copies = [_broken(lines[place].as_py(), way) for place, way in zip(chosen, ways, strict=True)]
    cuts = [0, *ends[chosen + 1].tolist(), int(ends[-1])]
    whole = [memoryview(content)[start:end] for start, end in pairwise(cuts)]
    pairs = zip(whole, [*copies, b""], strict=True)
    return [piece for pair in pairs for piece in pair]


def _broken(line: str, way: int) -> bytes:
    fields = next(csv.reader([line]))
    return f"{csv_line(broken_copy(fields, way))}\n".encode()
