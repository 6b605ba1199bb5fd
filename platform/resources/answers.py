"""Answers of the lake that stay as they are while one step works.

A read of the ledger costs 8 ms, one of rows in files 30 to 100 ms. One decision asks a question up
to eight times.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 1 << 20  # bytes of an answer that is kept

_kept: ContextVar[dict[Hashable, "pa.Table"] | None] = ContextVar("kept", default=None)


@contextmanager
def steady() -> Iterator[None]:
    """Answer what is asked again in this block from memory, until this process writes.

    So a step sees one state of what others write meanwhile. Not for blocks that wait for others.
    """
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def answered(question: Hashable, ask: Callable[[], "pa.Table"]) -> "pa.Table":
    """Return the kept answer to a question, or ask."""
    kept = _kept.get()
    if kept is None:
        return ask()
    if question not in kept:
        answer = ask()
        if answer.nbytes > LARGEST:
            return answer
        kept[question] = answer
    return kept[question]


def forget() -> None:
    """Forget all answers: this process has written."""
    if (kept := _kept.get()) is not None:
        kept.clear()
