"""Predictions by the champion of each day, and their losses once labels have matured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import duckdb
import pyarrow as pa

from declaration import MlModel
from examples import features, replace_days
from ledger import champion_on
from lifecycle import guard, store
from lifecycle.candidate import manifest_of
from lifecycle.guard import rows_without
from lifecycle.tested import checksums_of, made_by, untested, without
from resources.lake import Lake, quoted
from resources.registry import Registry


@dataclass(frozen=True)
class Scored:
    """What a pass over days with a champion came to.

    skipped: days without predictions, and why. other_code: versions that scored features of other
    dbt models than those they learned from, and which days.
    """

    rows: int
    days: int
    skipped: Mapping[date, str]
    other_code: tuple[str, ...]


def predict(lake: Lake, registry: Registry, model: MlModel, days: Sequence[date]) -> Scored:
    """Score `days`, each by the version that the ledger names for it.

    Days before the first champion are left without rows, and so are, by name, days whose features
    have not passed their tests or do not fit the version.
    """
    live = {day: champion_on(lake, model.name, day) for day in days}
    wanted = [day for day, version in live.items() if version is not None]
    code = checksums_of(lake, model.features.table, wanted)
    missing = dict.fromkeys(wanted, f"{model.features.table} has not been built")
    unfit = missing | untested(lake, [model.features.table], wanted)
    skipped = {day: why for day, why in unfit.items() if day not in code}
    tables, other = [_prediction_schema(model).empty_table()], []
    for version, group in groupby(without(wanted, skipped), key=lambda day: live[day] or 0):
        chosen = list(group)
        manifest = manifest_of(lake, registry, model, version)
        rows = features(lake, model, chosen)
        refused = guard.refused_days(rows, model, manifest.get("columns", {}), version)
        skipped |= refused
        tables.append(_score(registry, model, version, rows_without(rows, model.time, refused)))
        known = manifest["dbt"][model.features.table]
        made = {day: code[day] for day in chosen if code[day] != known}
        other += [f"version {version} learned from {known[:8]}: {made_by(made)}"] if made else []
    scored = pa.concat_tables(tables)
    _replace(lake, store.predictions(model), days, scored, model.time)
    return Scored(scored.num_rows, len(without(wanted, skipped)), skipped, tuple(other))


def withdraw(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Remove predictions and losses of days whose features have failed; returns predictions gone.

    What was predicted from rows that a day no longer has would look like a prediction from it.
    """
    names = [store.predictions(model), store.performance(model)]
    kept = [quoted("ml", name) for name in names if store.exists(lake, name)]
    if not kept or not days:
        return 0
    within = f"where {quoted(model.time)} in (select unnest(?))"

    def remove(connection: duckdb.DuckDBPyConnection) -> int:
        found = connection.execute(f"select count(*) from {kept[0]} {within}", [list(days)])
        rows = int(found.fetchall()[0][0])
        for table in kept if rows else ():
            connection.execute(f"delete from {table} {within}", [list(days)])
        return rows

    return lake.transact(remove)


def unscored(lake: Lake, model: MlModel, first: date, last: date) -> list[date]:
    """Return the days of a span that a champion should have scored and that have no prediction."""
    if not store.exists(lake, store.predictions(model)):
        return []
    time, predictions = quoted(model.time), quoted("ml", store.predictions(model))
    scored = f"select distinct {time} from {predictions} where {time} between $first and $last"
    found = lake.rows(
        f"""select day from ledger.partitions
        where table_name = $table and status = 'passed' and rows > 0
            and day between $first and $last
            and day > (select min(as_of) from ledger.champions where model = $model)
            and day not in ({scored})
        order by day""",
        {"table": model.features.table, "model": model.name, "first": first, "last": last},
    )
    return [row["day"] for row in found]


def measure(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Join predictions and matured labels of `days`; returns the number of days with a loss.

    Days whose labels have not passed their tests have none.
    """
    if not store.exists(lake, store.predictions(model)):
        return 0
    fit = without(days, untested(lake, [model.label.table], days))
    losses = lake.read(losses_of(model), {"days": fit})
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


def _score(registry: Registry, model: MlModel, version: int, rows: pa.Table) -> pa.Table:
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
