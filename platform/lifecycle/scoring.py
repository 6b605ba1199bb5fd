"""Predictions by the champion of each day, and their losses once labels have matured."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby

import duckdb
import pyarrow as pa

from declaration import MlModel
from examples import features, replace_days
from ledger import champion_on
from lifecycle import store
from resources.lake import Lake, quoted
from resources.registry import Registry


def predict(lake: Lake, registry: Registry, model: MlModel, days: Sequence[date]) -> dict[str, int]:
    """Score `days`, each by the version that the ledger names for it.

    Days before the first champion are left without rows. Returns rows and days scored.
    """
    live = [(day, champion_on(lake, model.name, day)) for day in days]
    tables = [
        _score(lake, registry, model, version, [day for day, _ in group])
        for version, group in groupby(live, key=lambda pair: pair[1])
        if version is not None
    ]
    empty = _prediction_schema(model).empty_table()
    rows = pa.concat_tables(tables) if tables else empty
    _replace(lake, store.predictions(model), days, rows, model.time)
    return {"rows": rows.num_rows, "days": sum(version is not None for _, version in live)}


def measure(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Join predictions and matured labels of `days`; returns the number of days with a loss."""
    if not store.exists(lake, store.predictions(model)):
        return 0
    losses = lake.read(losses_of(model), {"days": list(days)})
    _replace(lake, store.performance(model), days, losses, model.time)
    return losses.num_rows


def losses_of(model: MlModel) -> str:
    """Return the query of daily losses: log loss, natural logarithm, predictions cut at 1e-7."""
    time, entity, label = quoted(model.time), quoted(model.entity), quoted(model.label.column)
    return f"""
    with scored as (
        select p.{time}, p.version, l.{label} as y, p.prediction as p,
            -ln(greatest(case when l.{label} = 1 then p.prediction else 1 - p.prediction end, 1e-7))
                as loss
        from {quoted("ml", store.predictions(model))} as p
        join {quoted(model.label_schema, model.label.table)} as l using ({entity}, {time})
        where p.{time} in (select unnest($days)) and l.{time} in (select unnest($days))
    )
    select {time}, max(version)::integer as version, count(*) as rows, avg(loss) as mean_loss,
        coalesce(stddev_samp(loss), 0) as sd_loss, avg(y)::double as base_rate,
        avg(p) as mean_prediction
    from scored group by {time} order by {time}"""


def _score(
    lake: Lake, registry: Registry, model: MlModel, version: int, days: Sequence[date]
) -> pa.Table:
    rows = features(lake, model, days)
    scores = registry.load(model.name, version).predict(rows)
    columns = [rows[model.entity], rows[model.time], scores, [version] * rows.num_rows]
    return pa.table(columns, schema=_prediction_schema(model))


def _prediction_schema(model: MlModel) -> pa.Schema:
    return pa.schema(
        [
            (model.entity, pa.string()),
            (model.time, pa.date32()),
            ("prediction", pa.float64()),
            ("version", pa.int32()),
        ]
    )


def _replace(lake: Lake, table: str, days: Sequence[date], rows: pa.Table, time: str) -> None:
    described = duckdb.from_arrow(rows)
    columns = ", ".join(
        f"{quoted(name)} {kind}"
        for name, kind in zip(described.columns, described.types, strict=True)
    )
    replace_days(lake, table, days, rows, time, columns)
