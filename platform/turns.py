"""Writers of one thing take turns: of two that overlap, the later one's commit is refused.

Two inserts do not conflict in DuckLake, two updates of one row do. What is refused is a lock to
`Lake.transact`, which does all of the work again and then sees what the other has written.
"""

import duckdb

from resources.whole import whole


def take_turn(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make the caller's transaction one that no other may overlap that takes a turn at the name.

    name: a raw table, or a ledger table and what its row is about.
    """
    with whole(connection):
        known = connection.execute("select 1 from ledger.locks where name = ?", [name]).fetchone()
        if known:
            connection.execute("update ledger.locks set turn = turn + 1 where name = ?", [name])
            return
    connection.execute("insert into ledger.locks (name, turn) values (?, 1)", [name])
    # two first writers would both insert: an altered table makes them conflict as well
    connection.execute("comment on table ledger.locks is 'a row per name'")
