from datetime import date

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    RunRequest,
    asset,
    define_asset_job,
)
from dagster._core.storage.tags import GRPC_INFO_TAG

import ledger
from errors import RunFailedError, SetupError
from launch import (
    LAUNCHER_TAG,
    fail_orphans,
    fail_unreachable,
    held_lock,
    launch,
    recover,
    run_id,
)
from resources.lake import lake_of
from resources.registry import registry_of
from resources.settings import settings


def location(calls: list[str]) -> Definitions:
    @asset
    def counted() -> None:
        calls.append("counted")

    @asset
    def broken() -> None:
        calls.append("broken")
        try:
            raise ZeroDivisionError("the scale shows 0 kg")
        except ZeroDivisionError as error:
            raise ValueError("no weight was read: plug the scale in") from error

    jobs = [define_asset_job(name, name) for name in ("counted", "broken")]
    return Definitions(assets=[counted, broken], jobs=jobs)


def test_a_run_key_runs_once_and_names_its_run(instance) -> None:
    calls: list[str] = []
    request = RunRequest(job_name="counted", run_key="m:2024-05-01:normal:1", tags={"a": "b"})
    run = launch(location(calls), instance, request, sensor="m_retrain_on_drift")
    again = launch(location(calls), instance, request)
    assert run is not None
    assert run.run_id == run_id("m:2024-05-01:normal:1")
    assert again is None
    assert calls == ["counted"]
    kept = instance.get_run_by_id(run.run_id).tags
    assert kept["dagster/run_key"] == "m:2024-05-01:normal:1"
    assert kept["dagster/sensor_name"] == "m_retrain_on_drift"
    assert kept["a"] == "b"


def test_a_request_without_a_key_runs_every_time(instance) -> None:
    calls: list[str] = []
    runs = [launch(location(calls), instance, RunRequest(job_name="counted")) for _ in range(2)]
    assert calls == ["counted", "counted"]
    assert runs[0].run_id != runs[1].run_id


def test_a_failing_run_raises_with_its_step_and_the_first_error_s_words(instance) -> None:
    request = RunRequest(job_name="broken", run_key="k")
    with pytest.raises(RunFailedError) as caught:
        launch(location([]), instance, request)
    assert f"run {run_id('k')} of broken failed in broken" in str(caught.value)
    assert "the scale shows 0 kg" in str(caught.value)
    assert caught.value.run_id == run_id("k")


def test_a_failed_run_keeps_its_key(instance) -> None:
    calls: list[str] = []
    request = RunRequest(job_name="broken", run_key="k")
    with pytest.raises(RunFailedError):
        launch(location(calls), instance, request)
    assert launch(location(calls), instance, request) is None
    assert calls == ["broken"]


def test_a_run_of_a_killed_command_is_failed_and_a_finished_one_stays(instance, tmp_path) -> None:
    calls: list[str] = []
    run = launch(location(calls), instance, RunRequest(job_name="counted"))
    job = location(calls).resolve_job_def("counted")
    left = instance.create_run_for_job(job, tags=dict(run.tags))
    fail_orphans(instance, tmp_path)
    assert instance.get_run_by_id(left.run_id).is_failure
    assert instance.get_run_by_id(run.run_id).is_success


def test_two_commands_do_not_work_in_one_home(tmp_path) -> None:
    taken = pytest.raises(SetupError, match="another `leeway run` works in")
    with held_lock(tmp_path), taken, held_lock(tmp_path):
        pass
    with held_lock(tmp_path):
        assert (tmp_path / "run.lock").exists()


def left_by_a_killed_command(instance: DagsterInstance) -> str:
    """A run that seems to go on and keeps its place in the pool `heavy`."""
    job = location([]).resolve_job_def("counted")
    run = instance.create_run_for_job(job, tags={LAUNCHER_TAG: "leeway run"})
    instance.event_log_storage.set_concurrency_slots("heavy", 1)
    instance.event_log_storage.claim_concurrency_slot("heavy", run.run_id, "counted")
    assert taken(instance) == 1
    return run.run_id


def taken(instance: DagsterInstance) -> int:
    return instance.event_log_storage.get_concurrency_info("heavy").active_slot_count


def test_a_daemon_that_starts_gives_back_what_a_killed_command_has_kept(home) -> None:
    with DagsterInstance.from_config(str(settings().dagster_home)) as instance:
        left = left_by_a_killed_command(instance)
        recover()
        assert instance.get_run_by_id(left).is_failure
        assert taken(instance) == 0


def test_a_daemon_that_starts_leaves_the_runs_of_a_working_command_alone(home) -> None:
    with DagsterInstance.from_config(str(settings().dagster_home)) as instance:
        working = left_by_a_killed_command(instance)
        with held_lock(home):
            recover()
        assert not instance.get_run_by_id(working).is_finished
        assert taken(instance) == 1


def crown(version: int) -> None:
    """Let the ledger of the home say that a version is live."""
    lake = lake_of(settings())
    ledger.prepare(lake)
    row = {"version": version, "action": "promoted", "by": "gate", "why": "better"}
    ledger.put(lake, "champions", {"model": "shop", "as_of": date(2024, 5, version)}, row)


def test_a_daemon_that_starts_points_mlflow_at_what_the_ledger_says_is_live(home) -> None:
    registry = registry_of(settings())
    with DagsterInstance.from_config(str(settings().dagster_home)):
        client = registry.client
        client.create_registered_model("shop")
        for _ in range(2):
            client.create_model_version("shop", "file:///nowhere")
        registry.point("shop", 1)
        crown(1)
        crown(2)
        recover()
    assert registry.pointed("shop") == 2


def test_a_daemon_starts_without_mlflow_and_says_what_may_be_wrong(home, caplog) -> None:
    crown(1)  # of a model that MLflow does not know
    with DagsterInstance.from_config(str(settings().dagster_home)):
        recover()
    assert "shop: MLflow's alias may not be what is live" in caplog.text
    assert "the next start tries again" in caplog.text


@pytest.mark.parametrize("end", [fail_orphans, fail_unreachable])
def test_a_second_home_on_one_dagster_storage_touches_no_run_of_the_first(
    instance, tmp_path, end
) -> None:
    fail_orphans(instance, tmp_path / "first")
    working = left_by_a_killed_command(instance)
    instance.add_run_tags(working, {GRPC_INFO_TAG: '{"host": "localhost", "port": 1}'})
    start = DagsterEvent(DagsterEventType.PIPELINE_START.value, "counted")
    instance.report_dagster_event(start, working)
    with pytest.raises(SetupError, match="LEEWAY_DAGSTER_STORAGE") as refused:
        end(instance, tmp_path / "second")
    assert (tmp_path / "first" / "home.id").read_text() in str(refused.value)
    assert not instance.get_run_by_id(working).is_finished
    end(instance, tmp_path / "first")
    assert instance.get_run_by_id(working).is_failure


def test_a_home_takes_over_the_storage_of_one_that_is_gone(instance, tmp_path) -> None:
    fail_orphans(instance, tmp_path / "gone")
    (tmp_path / "new").mkdir()
    known = (tmp_path / "gone" / "home.id").read_text()
    (tmp_path / "new" / "home.id").write_text(f"{known}\n")
    fail_orphans(instance, tmp_path / "new")
