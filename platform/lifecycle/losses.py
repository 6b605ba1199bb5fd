"""Losses of what was predicted, once labels have matured: of the champion and of its shadow."""

from collections.abc import Sequence
from datetime import date

import duckdb

import ledger
from declaration import MlModel
from examples import replace_days
from lifecycle import store
from lifecycle.quality import blocked_days
from lifecycle.tested import unfit_days, untested, without
from ml.alarm import DayLoss
from resources.lake import Lake, quoted


def measure(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Join predictions and matured labels of `days`; returns the number of days with a loss.

    Days whose labels have not passed their tests have none.
    """
    if not store.exists(lake, store.predictions(model)):
        return 0
    fit = without(days, untested(lake, [model.label.table], days))
    rows = lake.read(losses_of(model), {"days": fit})
    described = duckdb.from_arrow(rows)
    columns = ", ".join(
        f"{quoted(name)} {kind}"
        for name, kind in zip(described.columns, described.types, strict=True)
    )
    replace_days(lake, store.performance(model), days, rows, model.time, columns)
    return rows.num_rows


def losses_of(model: MlModel) -> str:
    """Return the query of daily losses: of the champion, and of its shadow where there was one."""
    time = quoted(model.time)
    return f"""
    with scored as ({scored_rows(model)})
    select {time}, max(version)::integer as version, count(*) as rows, avg(loss) as mean_loss,
        coalesce(stddev_samp(loss), 0) as sd_loss, avg(y)::double as base_rate,
        avg(p) as mean_prediction, max(shadow)::integer as shadow, avg(shadow_loss) as shadow_loss
    from scored group by {time} order by {time}"""


def scored_rows(model: MlModel) -> str:
    """Return the query of every matured row of $days with the losses of champion and shadow."""
    time, entity, label = quoted(model.time), quoted(model.entity), quoted(model.label.column)
    return f"""
    select {entity}, {time}, p.version, s.version as shadow, l.{label} as y, p.prediction as p,
        {log_loss(f"l.{label}", "p.prediction")} as loss,
        {log_loss(f"l.{label}", "s.prediction")} as shadow_loss
    from {quoted("ml", store.predictions(model))} as p
    join {quoted(model.label_schema, model.label.table)} as l using ({entity}, {time})
    left join {quoted("ml", store.shadow(model))} as s using ({entity}, {time})
    where p.{time} in (select unnest($days)) and l.{time} in (select unnest($days))"""


def log_loss(label: str, prediction: str) -> str:
    """Return the SQL of a row's log loss: natural logarithm, predictions cut at 1e-7."""
    likely = f"case when {label} = 1 then {prediction} else 1 - {prediction} end"
    return f"case when {prediction} is not null then -ln(greatest({likely}, 1e-7)) end"


def losses(lake: Lake, model: MlModel, as_of: date) -> list[DayLoss]:
    """Return the live champion's daily losses known on a day, oldest first.

    Days that held deliveries make unreliable and days that failed their tests are left out.
    """
    if not store.exists(lake, store.performance(model)):
        return []
    time = quoted(model.time)
    rows = lake.rows(
        f"""select {time} as day, rows, mean_loss, sd_loss
        from {quoted("ml", store.performance(model))}
        where version = ? and {time} <= ?::date - ?::integer order by 1""",
        [ledger.champion_on(lake, model.name, as_of), as_of, model.label.horizon_days],
    )
    blocked = blocked_days(lake, model)
    left_out = blocked | unfit_days(lake, model, [row["day"] for row in rows]).keys()
    return [
        DayLoss(row["day"], row["rows"], row["mean_loss"], row["sd_loss"])
        for row in rows
        if row["day"] not in left_out
    ]
