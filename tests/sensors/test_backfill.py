"""A line of SQL changes in a real project: the sensor asks for its months, and then is content."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    RunRequest,
    build_sensor_context,
)

from assets.partitions import days_between
from declaration import Declaration, MlModel
from declared import declared
from definitions import build
from errors import NoEvidenceError, RunFailedError
from launch import launch
from lifecycle.training_set import checksums
from plan import over
from resources.dbt import manifest
from resources.lake import Lake, lake_of
from resources.settings import CHECKOUT, Settings
from status import status

OTHER = Path(__file__).parents[1] / "projects" / "other"
DAYS = days_between(date(2024, 2, 27), date(2024, 3, 2))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the other project with the default one's macros and one rule more."""
    folder = tmp_path_factory.mktemp("project") / "dbt_project"
    shutil.copytree(OTHER, folder, ignore=shutil.ignore_patterns("target", "logs"))
    path = folder / "dbt_project.yml"
    macros = str(CHECKOUT / "dbt_project" / "macros")
    path.write_text(path.read_text().replace("../../../dbt_project/macros", macros))
    path = folder / "models" / "features" / "features.yml"
    column = "{name: mean_celsius, data_type: double"
    rule = "data_tests: [{in_range: {arguments: {max: 40}}}]"
    path.write_text(path.read_text().replace(column, f"{column}, {rule}"))
    return folder


@pytest.fixture(scope="module")
def greenhouse(
    spark, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Greenhouse"]:
    """Five days of one sensor, built and tested."""
    home = tmp_path_factory.mktemp("home")
    (home / "lake" / "data").mkdir(parents=True)
    (home / "landing" / "readings").mkdir(parents=True)
    for day in DAYS:
        lines = ["sensor,read_at,celsius,gardener", f"north,{day} 06:00:00,5,Rosa"]
        (home / "landing" / "readings" / f"{day}.csv").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch, DagsterInstance.ephemeral() as instance:
        loaded = Settings(home=home, dbt_project_dir=project, threads=2, start=DAYS[0])
        for name, value in loaded.environment.items():
            patch.setenv(name, value)
        made = Greenhouse(loaded, instance)
        for request in (
            over("ingest", DAYS[0], DAYS[-1]),
            RunRequest(job_name="views"),
            over("history", DAYS[0], DAYS[-1]),
        ):
            launch(made.definitions, instance, request)
        yield made


class Greenhouse:
    """The code location as a process sees it that has just loaded the project."""

    def __init__(self, loaded: Settings, instance: DagsterInstance) -> None:
        self.loaded, self.instance = loaded, instance
        self.reload()

    def reload(self) -> None:
        self.definitions: Definitions = build(self.loaded)
        self.lake: Lake = lake_of(self.loaded)

    @property
    def declaration(self) -> Declaration:
        return declared(manifest(self.loaded.home, self.loaded.dbt_project_dir))

    @property
    def model(self) -> MlModel:
        [model] = self.declaration.models
        return model

    def asked(self) -> list[RunRequest]:
        """What the sensor requests now."""
        context = build_sensor_context(
            self.instance,
            repository_def=self.definitions.get_repository_def(),
            resources={"lake": self.lake},
        )
        sensor = self.definitions.resolve_sensor_def("stale_features")
        return sensor.evaluate_tick(context).run_requests or []


def change_celsius(project: Path, expression: str) -> None:
    """Compute the view's column in another way."""
    view = project / "models" / "staging" / "stg_greenhouse__readings.sql"
    lines = view.read_text().splitlines()
    changed = [f"    {expression}" if "celsius" in line else line for line in lines]
    view.write_text("\n".join(changed) + "\n")


@pytest.mark.slow
def test_a_changed_view_is_backfilled_by_month_and_training_finds_one_version(
    greenhouse, project: Path
) -> None:
    assert greenhouse.asked() == []
    before = checksums(greenhouse.lake, greenhouse.model, DAYS)

    change_celsius(project, "readings.celsius + 1 as celsius,")
    greenhouse.reload()
    with pytest.raises(RunFailedError, match=r"the view staging\.stg_greenhouse__readings"):
        launch(greenhouse.definitions, greenhouse.instance, over("features", DAYS[0], DAYS[0]))

    asked = []
    while requests := greenhouse.asked():
        [request] = requests
        table, _, month, attempt = str(request.run_key).split(":")
        asked.append((table, month, attempt))
        launch(greenhouse.definitions, greenhouse.instance, request, "stale_features")
        if len(asked) == 1:
            with pytest.raises(NoEvidenceError, match="made by different dbt models"):
                checksums(greenhouse.lake, greenhouse.model, DAYS)

    assert asked == [
        ("sensor_days", "2024-03", "1"),
        ("sensor_frosts", "2024-02", "1"),
        ("sensor_days", "2024-02", "1"),
    ]
    after = checksums(greenhouse.lake, greenhouse.model, DAYS)
    assert after == {
        "sensor_days": greenhouse.model.features_checksum,
        "sensor_frosts": greenhouse.model.label_checksum,
    }
    assert not set(before.values()) & set(after.values())
    found = greenhouse.lake.rows("select distinct mean_celsius from features.sensor_days")
    assert found == [{"mean_celsius": 6.0}]


@pytest.mark.slow
def test_a_day_that_fails_its_tests_is_shown_and_stops_neither_the_run_nor_the_other_days(
    greenhouse, project: Path
) -> None:
    hot = f"if(readings._day = date '{DAYS[1]}', 60, readings.celsius) as celsius,"
    change_celsius(project, hot)
    greenhouse.reload()
    while requests := greenhouse.asked():
        run = launch(greenhouse.definitions, greenhouse.instance, requests[0], "stale_features")
        assert run.is_success

    found = greenhouse.lake.rows(
        "select day, status from ledger.partitions where table_name = 'sensor_days' order by day"
    )
    assert [row["status"] for row in found] == ["passed", "failed", "passed", "passed", "passed"]
    table = AssetKey(["features", "sensor_days"])
    evaluated = greenhouse.instance.get_records_for_run(
        run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION
    )
    failed = [
        event.asset_check_evaluation_data
        for event in (record.event_log_entry.dagster_event for record in evaluated.records)
        if not event.asset_check_evaluation_data.passed
    ]
    assert [(e.asset_key, e.severity.name) for e in failed] == [(table, "ERROR")]
    shown = greenhouse.instance.fetch_observations(table, limit=1).records[0].asset_observation
    assert "in_range_sensor_days_mean_celsius__40 (1 rows)" in str(shown.metadata["days_left_out"])
    state = status(greenhouse.lake, greenhouse.declaration).features["sensor_days"]
    assert (state.days, list(state.left_out)) == (4, [DAYS[1]])
    [alert] = greenhouse.lake.rows("select day, subject from ledger.alerts where kind = 'features'")
    assert alert == {"day": DAYS[1], "subject": "sensor_days"}
