"""A lake with what daily work leaves. The `now` that is passed moves time, nothing waits."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import ledger
from examples import replace_days
from lifecycle import champions
from resources.lake import Lake
from upkeep.lake import Kept, keep_up, tables

FIRST = date(2024, 1, 1)


@dataclass(frozen=True)
class Worked:
    """Writes to a lake as daily work does; day 0 is `FIRST`."""

    lake: Lake
    table: str = "shop_predictions"

    def score(self, day: int, value: float, count: int = 50) -> None:
        """Write a day of predictions, replacing an earlier one."""
        as_of = FIRST + timedelta(days=day)
        rows = pa.table({"as_of": [as_of] * count, "score": [value] * count})
        replace_days(self.lake, self.table, [as_of], rows, "as_of", "as_of date, score double")

    def train(self, day: int, version: int, promoted: bool, model: str = "shop") -> int:
        """Keep a training set and its version at the newest snapshot; returns the snapshot."""
        snapshot, as_of = self.lake.snapshot(), FIRST + timedelta(days=day)
        manifest = json.dumps({"snapshot": snapshot, "day": day})
        rows = pa.table({"as_of": [as_of], "document": [manifest]})
        columns = "as_of date, document varchar"
        replace_days(self.lake, f"{model}_training_sets", [as_of], rows, "as_of", columns)
        row = {"as_of": as_of, "kind": "candidate", "snapshot": snapshot}
        ledger.put(self.lake, "versions", {"model": model, "version": version}, row)
        verdict = {"version": version, "promoted": promoted, "reasons": []}
        rival = champions.rival_of(self.lake, model, as_of)
        champions.keep_verdict(self.lake, {"model": model, "as_of": as_of}, verdict, rival)
        return snapshot

    def keep_up(self, days_later: float) -> Kept:
        """Do the upkeep as if it were later."""
        return keep_up(self.lake, datetime.now(UTC) + timedelta(days=days_later), lambda _: None)

    def rows(self, snapshot: int | None = None) -> list[dict]:
        """The predictions, now or then."""
        query = f"select as_of, score from ml.{self.table} order by all"
        return self.lake.read(query, snapshot=snapshot).to_pylist()

    def everything(self) -> dict[str, list[dict]]:
        """Every row of every table."""
        return {
            f"{schema}.{table}": self.lake.rows(f'select * from "{schema}"."{table}" order by all')
            for schema, table in tables(self.lake)
        }

    def files(self) -> set[str]:
        """Parquet files on disk, whoever names them."""
        return {str(path) for path in Path(self.lake.data).rglob("*.parquet")}


@pytest.fixture
def work(lake: Lake) -> Worked:
    """An empty lake to work in."""
    return Worked(lake)


@pytest.fixture(params=["sqlite", "postgres"])
def work_on_any(request: pytest.FixtureRequest, tmp_path: Path) -> Worked:
    """An empty lake to work in, on either kind of catalog."""
    if request.param == "sqlite":
        return Worked(request.getfixturevalue("lake"))
    server = request.getfixturevalue("postgres")
    (tmp_path / "data").mkdir()
    catalog = f"postgres:{server.libpq(server.database())}"
    made = Lake(catalog=catalog, data=f"{tmp_path}/data/", threads=2)
    ledger.prepare(made)
    return Worked(made)


@pytest.fixture
def days() -> int:
    """How many days `twice` writes."""
    return 5


@pytest.fixture
def twice(days: int) -> Callable[[Worked], Worked]:
    """Write every day two times, so that half of the files are of no use."""

    def write(work: Worked) -> Worked:
        for day in range(days):
            work.score(day, -1.0)
            work.score(day, float(day))
        return work

    return write
