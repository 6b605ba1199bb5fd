"""A shop with features, labels and a champion, and its dbt project in a git repository.

The real shop's first months where its dumps are there (LEEWAY_REAL_DATA), else a simulated one.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import mlflow
import pytest
import yaml

import ledger
from declared import declared
from impact.report import Impact
from impact.run import impact
from lifecycle import candidate, champions, training_set
from resources.dbt import DBT, install_extensions, manifest
from resources.lake import Lake, lake_of
from resources.mlflow_versions import point_mlflow_at
from resources.registry import registry_of
from resources.settings import CHECKOUT, Settings, settings
from simulation.run import simulate
from simulation.shop import Shop

REAL = Path(os.environ.get("LEEWAY_REAL_DATA", CHECKOUT / "../shared/data/online_retail_ii"))
DAYS = 75  # with features and labels, the newest of the slice
SAMPLED = 18
COLUMNS = (
    *("customer_id", "as_of", "tenure_days", "orders_90d", "revenue_30d", "revenue_90d"),
    *("revenue_365d", "last_revenue", "products_90d", "cancellations_90d", "day_of_week"),
    "country",
)
FEATURES = "models/features/customer_features"
LAST = f"select {', '.join(COLUMNS)} from final"
ROWS = """select "Invoice" as invoice, "StockCode" as stock_code, "Description" as description,
    try_cast("Quantity" as integer) as quantity,
    try_cast("InvoiceDate" as timestamp) as invoice_date,
    try_cast("Price" as decimal(18, 4)) as price, "Customer ID" as customer_id,
    "Country" as country,
    regexp_extract(filename, '\\d{4}-\\d\\d-\\d\\d')::date as _day, 'only' as _delivery,
    row_number() over () as _line
from read_csv(?, all_varchar = true, union_by_name = true, filename = true)
where try_cast("Quantity" as integer) is not null
    and try_cast("Price" as decimal(18, 4)) is not null
    and try_cast("InvoiceDate" as timestamp) is not null"""


@dataclass
class Edited:
    """The project's working tree, to be edited, and what `leeway impact` says of it."""

    project: Path
    settings: Settings
    lake: Lake

    def replace(self, file: str, *pairs: tuple[str, str]) -> None:
        """Replace texts that stand in a file once."""
        path = self.project / file
        text = path.read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
            text = text.replace(old, new)
        path.write_text(text)

    def select(self, **columns: tuple[str, str] | None) -> None:
        """Add columns (expression over `final`, declared type) to the table, or drop one (None)."""
        kept = [name for name in COLUMNS if name not in columns]
        new = {name: column for name, column in columns.items() if column}
        given = [*kept, *(f"{expression} as {name}" for name, (expression, _) in new.items())]
        self.replace(f"{FEATURES}.sql", (LAST, f"select {', '.join(given)} from final"))
        path = self.project / f"{FEATURES}.yml"
        document = yaml.safe_load(path.read_text())
        declared = [c for c in document["models"][0]["columns"] if c["name"] in kept]
        for name, (_, kind) in new.items():
            declared.append({"name": name, "description": "New.", "data_type": kind})
        document["models"][0]["columns"] = declared
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def impact(self, days: int = SAMPLED) -> Impact:
        """What the edits do; git and the lake are looked at before and after."""
        before = self.state()
        found = impact(self.settings, days=days)
        assert self.state() == before
        return found

    def state(self) -> tuple:
        """All that must stay: git's view, the lake's snapshot, and home's folder of work."""
        work = self.settings.home / "impact"
        left = [each.name for each in work.glob("work-*")] if work.exists() else []
        return git(self.project, "status", "--porcelain"), self.lake.snapshot(), left


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def small_project(place: Path) -> Path:
    """The default project with a dozen of its features, somewhere in a repository."""
    project = place / "analytics" / "dbt"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(CHECKOUT / "dbt_project", project, ignore=ignored)
    made = Edited(project, Settings(home=place), Lake(catalog="", data=""))
    made.replace(f"{FEATURES}.sql", ("select * from final", LAST))
    path = project / f"{FEATURES}.yml"
    document = yaml.safe_load(path.read_text())
    columns = {column["name"]: column for column in document["models"][0]["columns"]}
    document["models"][0]["columns"] = [columns[name] for name in COLUMNS]
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    made.replace(
        "models/exposures.yml",
        (
            "every_days: 7, min_rows: 5000, estimator: tabular",
            "every_days: 4, min_rows: 500, recipes: [window], estimator: small",
        ),
    )
    git(place, "init", "-q", "-b", "main")
    (place / ".gitignore").write_text("home/\ntarget/\nlogs/\n")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "as it is live")
    return project


def dumps(landing: Path) -> list[str]:
    """The real shop's dumps of 11 months, or of a simulated one in `landing`."""
    folder, months = REAL, ("2009-12-01", "2010-10-31")
    if not any((REAL / "order_lines").glob("*.csv.gz")):
        folder, months = landing, ("", "9")
        simulate(landing, landing.parent / "truth", Shop(days=260, customers=600, seed=3))
    found = sorted((folder / "order_lines").glob("*.csv.gz"))
    return [str(path) for path in found if months[0] <= path.name[:10] <= months[1]]


def load(lake: Lake, found: list[str]) -> date:
    """Deliver the dumps' rows, each on its own day, and return the last day."""
    ledger.prepare(lake)

    def write(connection) -> None:
        connection.execute(f"create table raw.order_lines as {ROWS}", [found])
        connection.execute(
            """insert into ledger.deliveries (table_name, day, delivery, status, known_from)
            select distinct 'order_lines', _day, 'only', 'published', _day from raw.order_lines"""
        )

    lake.transact(write)
    return lake.rows("select max(day) as day from ledger.deliveries")[0]["day"]


@contextmanager
def installed(home: Path, project: Path) -> Iterator[Settings]:
    """The settings of a home; the environment and MLflow's address are restored afterwards."""
    uri = mlflow.get_tracking_uri()
    named = {"LEEWAY_HOME": str(home), "DBT_PROJECT_DIR": str(project)}
    settings.cache_clear()
    with patch.dict(os.environ, named):  # all of it: settings() adds to it
        yield settings()
    settings.cache_clear()
    point_mlflow_at(uri)


@pytest.fixture(scope="session")
def live(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    """The shop with its champion; made once, and nothing that a test does changes it."""
    place = tmp_path_factory.mktemp("repository")
    project = small_project(place)
    with installed(place / "home", project) as loaded:
        lake = lake_of(loaded)
        last = load(lake, dumps(loaded.home / "landing"))
        build(loaded, last)
        crown(lake, loaded, last)
        return Edited(project, loaded, lake)


def build(loaded: Settings, last: date) -> None:
    """Build and test the days by dbt, features up to the last and labels to a horizon before."""
    install_extensions(loaded)
    days = (str(last - timedelta(days=DAYS + 14)), str(last + timedelta(days=1)))
    command = [DBT, "--quiet", "build", "--project-dir", str(loaded.dbt_project_dir)]
    command += [
        "--profiles-dir",
        str(loaded.dbt_project_dir),
        "--exclude-resource-type",
        "unit_test",
    ]
    command += ["--exclude", "source:*", "--event-time-start", days[0], "--event-time-end", days[1]]
    done = subprocess.run(
        command, env={**os.environ, **loaded.environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def crown(lake: Lake, loaded: Settings, last: date) -> None:
    """Train a first model and make it live; whether it is good enough is not the question here."""
    model = declared(manifest(loaded.home, loaded.dbt_project_dir)).models[0]
    training_set.build(lake, model, last)
    [made] = candidate.train(lake, registry_of(loaded), model, last, 2).values()
    key = {"model": model.name, "as_of": last, "version": made["version"]}
    lake.transact(lambda c: champions.crown(c, None, key, champions.PROMOTED, "gate", "the first"))


@pytest.fixture
def edited(live: Edited) -> Iterator[Edited]:
    """The shop with a clean working tree; edits are taken back afterwards."""
    with installed(live.settings.home, live.project):
        yield live
    git(live.project, "checkout", "-q", ".")
    git(live.project, "clean", "-fdq")
