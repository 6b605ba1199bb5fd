"""Columns that seem to know the future: they predict too well, or change when known later."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from declaration import MlModel
from examples import schema
from impact.asked import Asked
from impact.challenger import Trained
from impact.compare import Comparison
from impact.report import Leak
from ml.alone import skill
from ml.splits import Split
from point_in_time.known import known_on
from table_query import TableQuery

TOO_GOOD = 1.5  # times what the whole model saves on the old columns
LEAST = 0.1  # of the constant's loss; a column that saves less is no oracle
LOOKED_AT = 3  # sampled days that are computed again


def too_good(
    model: MlModel, rows: pa.Table, split: Split, columns: Sequence[str], whole: Trained
) -> Iterator[Leak]:
    """Yield columns that alone predict the label better than a model of all old ones does.

    rows: features and label; whole: that model. What a column says is the best constant of each of
    its bins, learned on the split's training rows and judged on its test rows.
    """
    limit = max(LEAST, TOO_GOOD * whole.skill)
    known = schema(model, rows)
    parts = split.parts(rows, known)
    labels = known.labels(parts.train), known.labels(parts.test)
    for name in (name for name in columns if name in known.features):
        given = (parts.train[name], labels[0]), (parts.test[name], labels[1])
        alone = skill(model.target, *given)
        if alone > limit:
            saved = f"{alone:.0%} of the loss of a constant"
            why = f"by itself it saves {saved}, a model of all old columns {whole.skill:.0%}"
            yield Leak(column=name, why=why)


def changes_later(
    asked: Asked,
    query: TableQuery,
    days: Sequence[date],
    keys: Sequence[str],
    names: Sequence[str],
) -> Iterator[Leak]:
    """Yield columns whose values of a day differ once later rows are known.

    Each of a few days is computed from what was known at its end, and from all there is now.
    names: columns to look at.
    """
    for day in spread(days) if names else ():
        instead = known_on(asked.connection, query, day)
        then = query.rows(asked.connection, day, day, instead)
        now = asked.rows(query, [day])
        for column in Comparison(asked.connection, then, now, keys).columns():
            if column.name in names:
                why = f"{column.changed:.1%} of its values of {day} are others by what came later"
                yield Leak(column=column.name, why=why)


def spread(days: Sequence[date]) -> list[date]:
    """Return a few of the days: the first, the last, and what lies evenly between."""
    places = np.linspace(0, len(days) - 1, min(LOOKED_AT, len(days)))
    return [days[int(place)] for place in places]


def by_column(found: Iterable[Leak]) -> tuple[Leak, ...]:
    """Return one leak for each column, with all that shows it."""
    whys: dict[str, list[str]] = {}
    for leak in found:
        whys.setdefault(leak.column, []).append(leak.why)
    return tuple(Leak(column=name, why="; ".join(each)) for name, each in whys.items())
