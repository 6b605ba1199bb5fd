"""`leeway release` and `leeway quarantine`: what an operator does about held and rejected rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # a command loads what it needs when it runs
    from datetime import date

    from declaration import Declaration, RawTable
    from ingestion.rejects import Rejects
    from replay import Replayed
    from resources.lake import Lake

commands = typer.Typer()
out = Console()
MOST_DAYS = 40  # lines of a table by day

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="raw table")]
FORMATS = ["%Y-%m-%d"]


@commands.command()
def release(
    table: TableName,
    day: Annotated[datetime, typer.Argument(metavar="DAY", formats=FORMATS, help="held day")],
    why: Annotated[str, typer.Option(help="what was looked at, for whoever reads it later")],
) -> None:
    """Publish a held delivery that a person has looked at; its rows count from now on."""
    from dagster import DagsterInstance

    from alerting.outbox import telling
    from assets.raw import report_release
    from ingestion.clock import horizons_of
    from ingestion.release import release as publish
    from resources.dbt import manifest
    from resources.settings import settings
    from state import opened

    lake, declaration = opened()
    name = raw_table(declaration, table).name
    horizons = horizons_of(manifest(settings().home, settings().dbt_project_dir))
    with telling(lake, settings()):
        released, is_new = publish(lake, name, day.date(), why, horizons)
    report_release(DagsterInstance.get(), lake, released)
    done = "is released" if is_new else f"was released before ({released.why})"
    out.print(
        f"{name} {released.day} {done}: {released.rows:,} rows, known from {released.known_from} "
        "on. What was computed of earlier days stays as it is",
        markup=False,
        highlight=False,
    )


@commands.command()
def quarantine(
    table: TableName,
    day: Annotated[datetime | None, typer.Option(formats=FORMATS, help="one day only")] = None,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay", help="take days in again by a changed contract or changed parents"
        ),
    ] = False,
) -> None:
    """Show rejected rows by reason; --replay reads files again by what has changed."""
    from ingestion.publish import create_all
    from ingestion.rejects import rejects
    from state import opened

    lake, declaration = opened()
    declared = raw_table(declaration, table)
    days = [day.date()] if day else None
    create_all(lake, [declared])
    if replay:
        replay_days(lake, declared, days)
    else:
        show_rejects(rejects(lake, declared.name, days))


def raw_table(declaration: "Declaration", name: str) -> "RawTable":
    """Return a declared raw table; raises DeliveryError with those that there are."""
    from declaration import choose
    from errors import DeliveryError

    tables = {table.name: table for table in declaration.tables}
    if name not in tables:
        raise DeliveryError(f"there is no raw table {name!r}: {choose(name, tables)}")
    return tables[name]


def replay_days(lake: "Lake", table: "RawTable", days: "Sequence[date] | None") -> None:
    """Replay the days whose contract or parents have changed, and tell what came of it."""
    from cli import quiet
    from replay import replay, waiting

    rejected, changed = waiting(lake, table, days)
    if not changed:
        out.print(
            f"{table.name}: nothing to replay. Days with rejected rows or a held file: {rejected}, "
            "all read by the contract and the parents' rows as they are now. Change the contract "
            f"in {table.file} and replay, or repair a file in its place",
            markup=False,
            highlight=False,
        )
        return
    with quiet() as tell:
        done = replay(lake, table, changed, tell)
    show_replayed(done)


def show_rejects(found: "Rejects") -> None:
    """Print counts by reason and by day, and samples."""
    from shown import add_row

    if not found.by_reason:
        out.print("no rejected rows")
        return
    reasons = Table("reason", "rows", "days")
    for row in found.by_reason:
        add_row(reasons, row["reason"], f"{row['rows']:,}", f"{row['days']:,}")
    by_day = Table("day", "status", "reason", "rows")
    for row in found.by_day[-MOST_DAYS:]:
        add_row(by_day, str(row["day"]), row["status"], row["reason"], f"{row['rows']:,}")
    samples = Table("reason", "file", "line", "fields")
    for row in found.samples:
        file = row["file"].rsplit("/", 1)[-1]
        add_row(samples, row["reason"], file, str(row["line"]), row["fields"])
    for table in (reasons, by_day, samples):
        out.print(table)
    if len(found.by_day) > MOST_DAYS:
        out.print(f"the newest {MOST_DAYS} of {len(found.by_day)} lines by day")


def show_replayed(days: "Sequence[Replayed]") -> None:
    """Print every replayed day's rows before and after."""
    from shown import add_row

    table = Table("day", "status", "accepted", "rejected", "held because")
    for day in days:
        changes = [f"{a} → {b}" for a, b in zip(day.before, day.after, strict=True)]
        add_row(table, str(day.day), *changes, day.reason or "")
    out.print(table)
