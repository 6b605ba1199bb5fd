"""Losses of what was predicted, once labels have matured: of the champion and of its shadow."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import ledger
from declaration import MlModel
from examples import replace_days
from lifecycle import store
from lifecycle.quality import blocked_days
from lifecycle.sketches import CHUNK, split_by_day
from lifecycle.tested import unfit_days, untested, without
from ml.alarm import DayLoss
from ml.task import Floats, Task, labels_of
from resources.lake import Lake, quoted

SHADOW = "shadow_"  # before the columns of a shadow's predictions
COLUMNS = """version integer, rows bigint, mean_loss double, sd_loss double, base_rate double,
    mean_prediction double, shadow integer, shadow_loss double"""
TYPES = (
    ("version", pa.int32()), ("rows", pa.int64()), ("mean_loss", pa.float64()),
    ("sd_loss", pa.float64()), ("base_rate", pa.float64()), ("mean_prediction", pa.float64()),
    ("shadow", pa.int32()), ("shadow_loss", pa.float64()),
)  # fmt: skip


def measure(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Join predictions and matured labels of `days`; returns the number of days with a loss.

    Days whose labels have not passed their tests have none.
    """
    if not store.exists(lake, store.predictions(model)):
        return 0
    fit = without(days, untested(lake, [model.label.table], days))
    chunks = [fit[first : first + CHUNK] for first in range(0, len(fit), CHUNK)]
    found = [
        daily(model, day, rows)
        for chunk in chunks
        for day, rows in split_by_day(scored_rows(lake, model, chunk), model.time)
    ]
    columns = f"{quoted(model.time)} date, {COLUMNS}"
    rows = pa.Table.from_pylist(found, pa.schema([(model.time, pa.date32()), *TYPES]))
    replace_days(lake, store.performance(model), days, rows, model.time, columns)
    return rows.num_rows


def daily(model: MlModel, day: date, rows: pa.Table) -> dict[str, Any]:
    """Return a day's row of performance: of the champion, and of its shadow where there was one.

    rows: of `scored_rows`. Of several classes there is no mean label and no mean prediction.
    """
    losses, shadow = rows["loss"].to_numpy(), rows["shadow_loss"].drop_null().to_numpy()
    one = len(model.target.columns) == 1
    return {
        model.time: day,
        "version": pc.max(rows["version"]).as_py(),
        "rows": rows.num_rows,
        "mean_loss": losses.mean(),
        "sd_loss": losses.std(ddof=1) if len(losses) > 1 else 0.0,
        "base_rate": rows["label"].to_numpy().mean() if one else None,
        "mean_prediction": rows[model.target.columns[0]].to_numpy().mean() if one else None,
        "shadow": pc.max(rows["shadow"]).as_py(),
        "shadow_loss": shadow.mean() if len(shadow) else None,
    }


def scored_rows(lake: Lake, model: MlModel, days: Sequence[date]) -> pa.Table:
    """Return every matured row of `days` with the losses of champion and shadow.

    Columns: entity as text and time, which order the rows; version; shadow; label, as the task
    reads it; the champion's predictions; loss; shadow_loss, null where there was no shadow.
    Raises SchemaError for a label that is none of the task.
    """
    time, entity, label = quoted(model.time), quoted(model.entity), quoted(model.label.column)
    task = model.target
    given = ", ".join(f"p.{quoted(name)}" for name in task.columns)
    other = ", ".join(f"s.{quoted(name)} as {quoted(SHADOW + name)}" for name in task.columns)
    rows = lake.read(
        f"""select {entity}::varchar as {entity}, {time}, p.version, s.version as shadow,
            l.{label} as label, {given}, {other}
        from {quoted("ml", store.predictions(model))} as p
        join {quoted(model.label_schema, model.label.table)} as l using ({entity}, {time})
        left join {quoted("ml", store.shadow(model))} as s using ({entity}, {time})
        where p.{time} in (select unnest($days)) and l.{time} in (select unnest($days))
        order by 2, 1""",
        {"days": list(days)},
    )
    labels = labels_of(task, rows["label"], model.label.column)
    beside = rows.select([SHADOW + name for name in task.columns]).rename_columns(task.columns)
    columns = {"label": labels, "loss": row_losses(task, labels, rows)}
    columns["shadow_loss"] = row_losses(task, labels, beside)
    kept = rows.drop_columns(["label", *(SHADOW + name for name in task.columns)])
    for name, values in columns.items():
        kept = kept.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return kept


def row_losses(task: Task, labels: Floats, rows: pa.Table) -> Floats:
    """Return the loss of each row, shape [rows]; NaN where it has no prediction."""
    there = rows[task.columns[0]].is_valid()
    found = np.full(rows.num_rows, np.nan)
    mask = there.to_numpy()
    found[mask] = task.losses(labels[mask], task.untable(rows.filter(there)))
    return found


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
