from datetime import date

import pytest
from dagster import DagsterInstance, DailyPartitionsDefinition, Definitions, asset, define_asset_job

import ledger
from alerting.failures import clean, note_failure
from errors import LakeBusyError
from plan import over
from resources.lake import Lake

URL = "http://dagster.example"
DAY = date(2024, 5, 1)


@pytest.fixture
def failed(instance: DagsterInstance):
    """A run of a day that failed in its step, with a secret in the error."""

    @asset(partitions_def=DailyPartitionsDefinition("2024-05-01"))
    def broken() -> None:
        try:
            raise ZeroDivisionError("postgresql://me:hidden-word@db says 0")
        except ZeroDivisionError as error:
            raise ValueError("a wrapper") from error

    location = Definitions(assets=[broken], jobs=[define_asset_job("daily", [broken])])
    return location.resolve_job_def("daily").execute_in_process(
        instance=instance, partition_key="2024-05-01", raise_on_error=False
    ).dagster_run  # fmt: skip


def kept(lake: Lake) -> list[dict]:
    return lake.rows("select day, kind, subject, message from ledger.alerts")


def test_a_failed_run_is_kept_with_step_words_and_link(lake, instance, failed, alerted) -> None:
    note_failure(lake, instance, failed, alerted())
    assert kept(lake) == [
        {
            "day": DAY, "kind": "run_failed", "subject": "daily",
            "message": "failed in broken: ZeroDivisionError: postgresql://***@db says 0\n"
            f"{URL}/runs/{failed.run_id}",
        }
    ]  # fmt: skip


def test_a_run_that_daemon_and_command_both_saw_fail_is_kept_once(
    lake, instance, failed, alerted
) -> None:
    note_failure(lake, instance, failed, alerted())
    note_failure(lake, instance, failed, alerted())
    assert len(kept(lake)) == 1


def test_where_the_lake_itself_fails_the_message_is_sent_at_once(
    lake, instance, failed, alerted, inbox, monkeypatch, caplog
) -> None:
    def busy(*_: object) -> None:
        raise LakeBusyError("locked on 8 tries")

    monkeypatch.setattr(Lake, "transact", busy)
    note_failure(lake, instance, failed, alerted(inbox.url))
    assert f"the alert of run {failed.run_id} could not be kept, it is sent: locked" in caplog.text
    assert inbox.titles == ["Leeway: daily 2024-05-01: run failed"]
    assert "failed in broken: ZeroDivisionError" in inbox.received[0]["body"]


def test_a_run_whose_process_died_is_kept_with_what_dagster_says(lake, instance, alerted) -> None:
    @asset
    def fine() -> None:
        """Never gets to work."""

    job = Definitions(assets=[fine], jobs=[define_asset_job("views")]).resolve_job_def("views")
    run = instance.create_run_for_job(job)
    instance.report_run_failed(run, "its process ended before it did")
    note_failure(lake, instance, run, alerted())
    (row,) = kept(lake)
    made = instance.get_run_record_by_id(run.run_id).create_timestamp.date()
    assert (row["day"], row["subject"]) == (made, "views")
    assert row["message"].startswith("failed in no step: its process ended before it did\n")


def test_the_last_day_of_a_range_is_the_day(lake, instance, alerted) -> None:
    @asset(partitions_def=DailyPartitionsDefinition("2024-05-01"))
    def fine() -> None:
        """Never gets to work."""

    request = over("history", DAY, date(2024, 5, 31))
    location = Definitions(assets=[fine], jobs=[define_asset_job("history")])
    run = instance.create_run_for_job(location.resolve_job_def("history"), tags=request.tags)
    instance.report_run_failed(run)
    note_failure(lake, instance, run, alerted())
    assert kept(lake)[0]["day"] == date(2024, 5, 31)


def test_secrets_of_the_environment_do_not_show() -> None:
    environment = {
        "PGPASSWORD": "hidden-word",
        "LEEWAY_ALERT_URLS": "json://h/hidden-a jsons://h/hidden-b",
        "AWS_SECRET_ACCESS_KEY": "hidden+key",
        "SHORT_TOKEN": "at",
        "LEEWAY_HOME": "/srv/leeway",
    }
    words = "at /srv/leeway: hidden-word, jsons://h/hidden-b, hidden+key"
    assert clean(words, environment) == "at /srv/leeway: ***, ***, ***"


def test_a_long_error_keeps_its_beginning_and_its_end() -> None:
    assert clean("a" * 1000 + "b" * 1000, {}) == "a" * 200 + "\n...\n" + "b" * 800


def test_ledger_alerts_have_one_row_per_cause_and_day(lake) -> None:
    for why in ("first", "second"):
        lake.transact(lambda db, why=why: ledger.alert(db, DAY, "run_failed", "daily", why))
    assert [row["message"] for row in kept(lake)] == ["first"]
