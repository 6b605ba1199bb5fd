"""365 days of features by range runs, beside one query by hand over the same Parquet files.

    python -m bench.speed.features [--quick]

Two years of a simulated shop are taken in; then the second one's features are built as
`leeway run` builds them, and by `features_by_hand.sql`. Both must have the same rows.
"""

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import typer

from bench.speed.child import Timer, alone
from bench.speed.shop import START, finish, simulated
from bench.speed.years import QUICK, YEAR, land_raw, opened

LINES = 1_000_000  # in two years, as many as the real shop's
BY_HAND = Path(__file__).with_name("features_by_hand.sql")
FILES = "{}/order_lines/*/_rejected=false/*/*/*.parquet"


def main(quick: bool = False) -> None:
    """Measure both sides, one after another, each in a process of its own."""
    year, lines = (QUICK, LINES // 20) if quick else (YEAR, LINES)
    with tempfile.TemporaryDirectory() as folder:
        landing = simulated(Path(folder), lines, 2 * year)
        home = {"LEEWAY_HOME": f"{folder}/home", "LEEWAY_LANDING": str(landing)}
        span = {"first": START + timedelta(days=year), "last": START + timedelta(days=2 * year - 1)}
        alone(land_raw, home, first=START, last=span["last"])
        sides = {side.__name__: alone(side, home, **span) for side in (ours, by_hand)}
        rows = alone(compared, home, **span).found
    ratio = sides["ours"].seconds / sides["by_hand"].seconds
    found = {name: {"seconds": c.seconds, "peak": c.peak} for name, c in sides.items()}
    finish("features", {**found, "ratio": ratio, "days": year, "rows": rows}, quick=quick)


def ours(timer: Timer, first: str, last: str) -> None:
    """Build the span as `leeway run` does, range by range."""
    from assets.partitions import days_between
    from history import load_history

    history = load_history(date.fromisoformat(first), date.fromisoformat(last), print)
    days = days_between(history.first, history.last)
    with timer.running():
        history.by_range("features", days)


def by_hand(timer: Timer, first: str, last: str) -> None:
    """Run the query by hand; its rows go to a folder in home."""
    import duckdb

    loaded, _ = opened()
    given = {
        "$files": f"'{FILES.format(loaded.lake_data + 'raw')}'", "$target": str(target(loaded)),
        "$first": f"'{first}'", "$last": f"'{last}'",
    }  # fmt: skip
    target(loaded).mkdir()
    query = BY_HAND.read_text()
    for name, value in given.items():
        query = query.replace(name, value)
    with timer.running():
        duckdb.connect(config={"threads": loaded.threads}).execute(query)


def compared(_timer: Timer, first: str, last: str) -> int:
    """Return how many rows both have; raises ValueError where any row differs."""
    loaded, lake = opened()
    files = f"'{target(loaded)}/features/*/*.parquet', hive_partitioning = true"
    with lake.connect() as connection:
        connection.execute(
            f"""create temp table ours as from features.customer_features
            where as_of between '{first}' and '{last}'"""
        )
        connection.execute(
            f"""create temp table by_hand as
            (from ours limit 0) union all by name (from read_parquet({files}))"""
        )
        [(differ, rows)] = connection.execute(
            """select
                (select count(*) from (from ours except all from by_hand))
                + (select count(*) from (from by_hand except all from ours)),
                (select count(*) from ours)"""
        ).fetchall()
    if differ or not rows:
        raise ValueError(f"{differ} of {rows} rows differ between ours and {BY_HAND.name}")
    return rows


def target(loaded: Any) -> Path:
    """Where the query by hand writes."""
    return loaded.home / "by_hand"


if __name__ == "__main__":
    typer.run(main)
