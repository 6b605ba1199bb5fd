"""Writers of one raw table take turns: of two that overlap, the later one's commit is refused.

Two inserts do not conflict in DuckLake, two updates of one row do. What is refused is a lock to
`Lake.transact`, which does all of the work again and then sees what the other has written.
"""

import duckdb


def take_turn(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make the caller's transaction one that no other writer of a raw table may overlap."""
    known = connection.execute("select 1 from ledger.locks where name = ?", [table]).fetchone()
    if known:
        connection.execute("update ledger.locks set turn = turn + 1 where name = ?", [table])
        return
    connection.execute("insert into ledger.locks (name, turn) values (?, 1)", [table])
    # two first writers would both insert: an altered table makes them conflict as well
    connection.execute("comment on table ledger.locks is 'a row per raw table'")
