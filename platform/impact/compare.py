"""Old and new rows of one table, key by key and column by column."""

from collections.abc import Collection, Mapping, Sequence

import duckdb
import pyarrow as pa

from impact.report import ColumnImpact
from lifecycle.guard import types_of
from ml.distance import score
from ml.sketch import has_distribution, sketch
from resources.lake import quoted

OLD, NEW = "temp.main.impact_old", "temp.main.impact_new"
EXAMPLES = 3


class Comparison:
    """Two versions of a table's rows, as temporary tables of a connection.

    keys: columns that tell rows apart; both versions have them.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        old: pa.Table,
        new: pa.Table,
        keys: Sequence[str],
    ) -> None:
        self._connection, self.old, self.new, self.keys = connection, old, new, tuple(keys)
        for name, rows in ((OLD, old), (NEW, new)):
            connection.register("given", rows)
            connection.execute(f"create or replace temp table {name} as from given")
            connection.unregister("given")
        self._using = f"using ({', '.join(map(quoted, keys))})"
        self.common = self._number(f"select count(*) from {OLD} join {NEW} {self._using}")

    def missing(self, table: str, other: str) -> int:
        """How many rows of one version have no row in the other."""
        return self._number(f"select count(*) from {table} anti join {other} {self._using}")

    def repeated(self) -> int:
        """How many keys the new version has more than once."""
        keys = ", ".join(map(quoted, self.keys))
        return self._number(
            f"select count(*) from (select 1 from {NEW} group by {keys} having count(*) > 1)"
        )

    def examples(self) -> tuple[str, ...]:
        """The first keys that only one version has, in words."""
        keys = ", ".join(map(quoted, self.keys))
        found = []
        for word, table, other in (("gained", NEW, OLD), ("lost", OLD, NEW)):
            rows = self._connection.execute(
                f"select {keys} from {table} anti join {other} {self._using} "
                f"order by {keys} limit {EXAMPLES}"
            ).fetchall()
            found += [f"{word} {', '.join(map(str, row))}" for row in rows]
        return tuple(found)

    def columns(self) -> tuple[ColumnImpact, ...]:
        """Every column that is not the same, in the new version's order, removed ones last."""
        was, now = types_of(self.old), types_of(self.new)
        both = [name for name in now if name in was and name not in self.keys]
        removed = [name for name in was if name not in now]
        added = [name for name in now if name not in was]
        renamed = self._renamed(added, removed, was, now)
        changed = self._changed(both, was)
        found = [self._column(name, was, now, changed.get(name), renamed) for name in now]
        gone = [name for name in removed if name not in renamed.values()]
        found += [self._column(name, was, now, None, {}) for name in gone]
        return tuple(column for column in found if column.what)

    def _column(
        self,
        name: str,
        was: Mapping[str, str],
        now: Mapping[str, str],
        changed: float | None,
        renamed: Mapping[str, str],
    ) -> ColumnImpact:
        before = self.old[name] if name in was else None
        after = self.new[name] if name in now else None
        shift = None
        if changed and before is not None and after is not None:
            shift = _shift(before, after)
        return ColumnImpact(
            name=name,
            was=was.get(name),
            now=now.get(name),
            renamed_from=renamed.get(name),
            changed=changed,
            shift=shift,
            nulls_before=_null_share(before),
            nulls_after=_null_share(after),
        )

    def _changed(self, names: Sequence[str], was: Mapping[str, str]) -> dict[str, float]:
        """The share of common rows whose value differs, by column; types are no difference."""
        if not names or not self.common:
            return dict.fromkeys(names, 0.0)
        counts = ", ".join(
            f"count(*) filter (a.{quoted(n)} is distinct from try_cast(b.{quoted(n)} as {was[n]}))"
            for n in names
        )
        query = f"select {counts} from {OLD} as a join {NEW} as b {self._using}"
        found = self._connection.execute(query).fetchall()[0]
        return {n: count / self.common for n, count in zip(names, found, strict=True)}

    def _renamed(
        self,
        added: Collection[str],
        removed: Collection[str],
        was: Mapping[str, str],
        now: Mapping[str, str],
    ) -> dict[str, str]:
        """Which added column has the values of which removed one; each is used once."""
        found: dict[str, str] = {}
        for name in added if self.common else ():
            for gone in removed:
                if now[name] == was[gone] and gone not in found.values() and self._same(gone, name):
                    found[name] = gone
                    break
        return found

    def _same(self, before: str, after: str) -> bool:
        query = f"""select count(*) from {OLD} as a join {NEW} as b {self._using}
        where a.{quoted(before)} is distinct from b.{quoted(after)}"""
        return self._number(query) == 0

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchall()[0][0])


def same_rows(connection: duckdb.DuckDBPyConnection, one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables of the same columns have the same rows, in any order."""
    connection.register("one", one)
    connection.register("other", other)
    differing = connection.execute("from one except all from other limit 1").fetchall()
    return one.num_rows == other.num_rows and not differing


def _shift(before: pa.ChunkedArray, after: pa.ChunkedArray) -> float | None:
    if not (has_distribution(before.type) and has_distribution(after.type)):
        return None
    return score(sketch(before), sketch(after))


def _null_share(column: pa.ChunkedArray | None) -> float | None:
    return column.null_count / len(column) if column is not None and len(column) else None
