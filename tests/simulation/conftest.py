import csv
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from simulation.run import Summary, simulate
from simulation.shop import Drift, Shop

Rows = list[list[str]]


@pytest.fixture(scope="session")
def shop() -> Callable[..., Shop]:
    def build(drift: Drift = Drift.none, **changes: int) -> Shop:
        return Shop(**{"days": 60, "customers": 250, "seed": 3, "drift": drift, **changes})

    return build


@pytest.fixture(scope="session")
def simulated(tmp_path_factory, shop) -> Callable[[Drift], Summary]:
    done: dict[Drift, Summary] = {}

    def run(drift: Drift = Drift.none) -> Summary:
        if drift not in done:
            folder = tmp_path_factory.mktemp(drift)
            done[drift] = simulate(folder / "landing", folder / "truth", shop(drift))
        return done[drift]

    return run


@pytest.fixture(scope="session")
def read_dump() -> Callable[[Path], Rows]:
    def read(path: Path) -> Rows:
        with gzip.open(path, "rt", newline="") as file:
            return list(csv.reader(file))

    return read


@pytest.fixture(scope="session")
def lines_of(read_dump) -> Callable[[Path], pd.DataFrame]:
    """Reads every line of a folder's dumps: its fields, their number, and the day of the file."""
    columns = ["invoice", "code", "name", "quantity", "time", "price", "customer", "country"]

    def read(dumps: Path) -> pd.DataFrame:
        days = []
        for path in sorted(dumps.iterdir()):
            rows = read_dump(path)[1:]
            frame = pd.DataFrame([dict(zip(columns, row, strict=False)) for row in rows])
            days.append(frame.assign(fields=[len(row) for row in rows], day=path.name[:10]))
        return pd.concat(days, ignore_index=True)

    return read


@pytest.fixture(scope="session")
def real_dumps() -> list[Path]:
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("LEEWAY_REAL_DATA", root / "../shared/data/online_retail_ii"))
    files = sorted((data / "order_lines").glob("*.csv.gz"))
    if not files:
        pytest.skip(f"the real dumps are not at {data}")
    return files
