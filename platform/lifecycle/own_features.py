"""Features as one version knows them, also of days that another version of their SQL has made.

Old and new stand side by side: what the table holds by a version's own SQL is read there, other
days are asked from the SQL that is kept, and written to a table beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import pyarrow as pa

from declaration import MlModel
from errors import UnsoundRowsError
from examples import exists
from lifecycle import sketches
from lifecycle.feature_versions import FeatureVersion, kept
from lifecycle.tested import checksums_of
from resources.lake import Lake, listed, quoted
from turns import take_turn

BESIDE = "beside"  # status of a side table's days: they count for no candidate


@dataclass(frozen=True)
class OwnFeatures:
    """Days of a model's features as one version knows them.

    model: with the columns that the version's SQL declares. tables: by day, which holds its rows.
    foreign: days by another version's SQL, because its own is not kept, and whose. columns: of its
    rows; all where its SQL is not kept.
    """

    model: MlModel
    tables: Mapping[date, str]
    foreign: Mapping[date, str]
    columns: tuple[str, ...] = ()

    def rows(self, lake: Lake) -> pa.Table:
        """Return one row per entity and day, in the order of both."""
        model, columns = self.model, ", ".join(map(quoted, self.columns)) or "*"
        time, entity = quoted(model.time), quoted(model.entity)
        by_table = self._by_table()
        parts = [
            f"""select {columns} from {quoted(model.features_schema, table)}
            where {time} in {listed(days)}"""
            for table, days in by_table.items()
        ]
        query = f"from ({' union all '.join(parts)}) order by {time}, {entity}::varchar"
        return lake.read(query, [day for days in by_table.values() for day in days])

    def sketches(self, lake: Lake) -> dict[date, sketches.Table]:
        """Return the sketches of those days that have rows."""
        found: dict[date, sketches.Table] = {}
        for table, days in self._by_table().items():
            source = sketches.of_features(with_table(self.model, table))
            found |= sketches.of_days(lake, source, days)
        return dict(sorted(found.items()))

    def _by_table(self) -> dict[str, list[date]]:
        home = {self.model.features.table: list[date]()}
        for day, table in self.tables.items():
            home.setdefault(table, []).append(day)
        return home


def own_features(lake: Lake, model: MlModel, days: Sequence[date], checksum: str) -> OwnFeatures:
    """Return the features of those of the `days` that have passed, as SQL of `checksum` has them.

    Days that other SQL has made are asked for, where that was not done since they were built.
    Raises UnsoundRowsError where the kept SQL does not run any more.
    """
    table, made = model.features.table, checksums_of(lake, model.features.table, days)
    other = {day: who for day, who in made.items() if who != checksum}
    tables = dict.fromkeys(made, table)
    if not other and checksum == model.features_checksum:
        return OwnFeatures(model, tables, {})
    version = kept(lake, table, checksum)
    if version is None:
        return OwnFeatures(model, tables, other)
    _fill(lake, model, version, list(other))
    known = model.model_copy(update={"feature_columns": version.declared})
    tables |= dict.fromkeys(other, version.beside)
    return OwnFeatures(known, tables, {}, tuple(version.query.columns))


def with_table(model: MlModel, table: str) -> MlModel:
    """Return a model that reads its features from another table."""
    features = model.features.model_copy(update={"table": table})
    return model.model_copy(update={"features": features})


def _fill(lake: Lake, model: MlModel, version: FeatureVersion, days: Sequence[date]) -> None:
    """Ask for the `days` that the side table lacks, or that were built again since."""
    rows = lake.rows(
        """select own.day from ledger.partitions as own
        join ledger.partitions as made using (day)
        where own.table_name = ? and made.table_name = ? and own.checksum = ?
            and own.written_at >= made.written_at""",
        [version.beside, version.query.table, version.query.checksum],
    )
    done = {row["day"] for row in rows}
    for first, last in _spans(sorted(day for day in days if day not in done)):
        rows_asked = _asked(lake, version, first, last)
        wanted = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        _put(lake, model, version, wanted, rows_asked)


def _spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Return first and last of days that follow one another in a month, ascending."""
    for n, day in enumerate(days):
        if n == 0 or day - days[n - 1] > timedelta(days=1) or day.day == 1:
            first = day
        if n == len(days) - 1 or days[n + 1] - day > timedelta(days=1) or days[n + 1].day == 1:
            yield first, day


def _asked(lake: Lake, version: FeatureVersion, first: date, last: date) -> pa.Table:
    with lake.connect() as connection:
        try:
            return version.query.rows(connection, first, last)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            query = version.query
            raise UnsoundRowsError(
                f"{query.table} of {first}..{last} cannot be asked from the SQL "
                f"{query.checksum[:8]} that a version has learned from ({error}): what it reads "
                "has changed; restore that, or let a version of the present SQL go live"
            ) from error


def _put(
    lake: Lake, model: MlModel, version: FeatureVersion, days: Sequence[date], rows: pa.Table
) -> None:
    """Replace days of the side table and their rows of the ledger, in one transaction."""
    name, time = quoted(model.features_schema, version.beside), quoted(model.time)
    columns = ", ".join(f"{quoted(c)} {kind}" for c, kind in version.query.columns.items())
    is_new = not exists(lake, model.features_schema, version.beside)

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        if is_new:
            connection.execute(f"create table if not exists {name} ({columns})")
            connection.execute(f"alter table {name} set partitioned by ({time})")
        take_turn(connection, f"features.{version.beside}")
        connection.execute(f"delete from {name} where {time} in (select unnest(?))", [list(days)])
        connection.execute(
            "delete from ledger.partitions where table_name = ? and day in (select unnest(?))",
            [version.beside, list(days)],
        )
        connection.register("asked_rows", rows)
        connection.execute(f"insert into {name} by name select * from asked_rows")
        connection.execute(
            f"""insert into ledger.partitions (table_name, day, rows, checksum, written_at, status)
            select ?, days.day, count(asked.{time}), ?, timezone('UTC', current_timestamp), ?
            from (select unnest(?) as day) as days
            left join asked_rows as asked on asked.{time} = days.day
            group by days.day order by days.day""",
            [version.beside, version.query.checksum, BESIDE, list(days)],
        )
        connection.unregister("asked_rows")

    lake.transact(write)
