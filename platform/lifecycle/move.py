"""Where the move to a changed features table stands: until it is over, two versions are kept up."""

from collections.abc import Iterable

import duckdb
from pydantic import BaseModel, Field

from declaration import MlModel
from examples import exists
from lifecycle.feature_versions import beside, kept
from lifecycle.live import live_versions
from lifecycle.own_features import BESIDE
from lifecycle.sketches import SKETCHES
from lifecycle.tested import MADE_BY
from resources.lake import Lake, quoted

OVER = "one version"


class Move(BaseModel):
    """The move of a model to the features as the project makes them; it is over at one version."""

    table: str = Field(description="features table")
    version: str = Field(description="checksum of the SQL as the project has it, 8 digits")
    made_by: dict[str, int] = Field(description="days of the table that have passed, by checksum")
    live: dict[int, str] = Field(description="what live versions have learned from, by version")
    stands: str = Field(description="where the move stands, `one version` when it is over")


def move_of(lake: Lake, model: MlModel) -> Move:
    """Read where a model's move stands."""
    table, now = model.features.table, model.features_checksum
    days = lake.rows(
        """select left(checksum, ?) as made, count(*) as days from ledger.partitions
        where table_name = ? and status = 'passed' group by all order by all""",
        [MADE_BY, table],
    )
    made, live = {row["made"]: row["days"] for row in days}, live_versions(lake, model)
    short, all_days = now[:MADE_BY], sum(made.values())
    told = []
    if made.keys() - {short}:
        told.append(f"{made.get(short, 0)} of {all_days} days of {table} are made by {short}")
    for each in live:
        if each.features != now:
            how = "beside it" if kept(lake, table, each.features) else "SQL that is not kept"
            who = f"version {each.version} ({each.role})"
            told.append(f"{who} knows {each.features[:MADE_BY]}, {how}")
    return Move(
        table=table,
        version=short,
        made_by=made,
        live={each.version: each.features[:MADE_BY] for each in live},
        stands="; ".join(told) or OVER,
    )


def end(lake: Lake, models: Iterable[MlModel]) -> list[str]:
    """Drop the side tables that no live version needs, and SQL of which nothing is left.

    Returns the tables that are gone. The SQL of whatever a registered version has learned from
    stays: `leeway rollback` may make it live again.
    """
    found = lake.rows(
        "select distinct table_name from ledger.partitions where status = ? order by 1", [BESIDE]
    )
    needed = {name for model in models for name in _needed(lake, model)}
    gone = [row["table_name"] for row in found if row["table_name"] not in needed]
    for name in gone:
        _drop(lake, name)
    lake.transact(
        lambda connection: connection.execute(
            """delete from ledger.feature_versions as kept
            where checksum not in (select features from ledger.versions where features is not null)
            and not exists (
                select 1 from ledger.partitions as made
                where made.table_name = kept.table_name and made.checksum = kept.checksum
            )"""
        )
    )
    return gone


def _needed(lake: Lake, model: MlModel) -> set[str]:
    """Side tables of live versions, as long as the table has days by other SQL than theirs."""
    made = lake.rows(
        "select distinct checksum from ledger.partitions where table_name = ?",
        [model.features.table],
    )
    every = {row["checksum"] for row in made}
    return {
        beside(model.features.table, each.features)
        for each in live_versions(lake, model)
        if every != {each.features}
    }


def _drop(lake: Lake, table: str) -> None:
    schemas = lake.rows(
        """select table_schema as name from information_schema.tables
        where table_catalog = 'lake' and table_name = ?""",
        [table],
    )
    has_sketches = exists(lake, "ml", SKETCHES)

    def drop(connection: duckdb.DuckDBPyConnection) -> None:
        for schema in schemas:
            connection.execute(f"drop table {quoted(schema['name'], table)}")
        connection.execute("delete from ledger.partitions where table_name = ?", [table])
        if has_sketches:
            sketches = quoted("ml", SKETCHES)
            connection.execute(f"delete from {sketches} where table_name = ?", [table])

    lake.transact(drop)
