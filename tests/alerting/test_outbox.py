import logging
from datetime import UTC, date, datetime, timedelta

import pytest
from filelock import Timeout

import ledger
from alerting import outbox
from alerting.channels import Channel
from alerting.outbox import Alert, outbox_lock, tell, telling, unsent
from errors import LakeBusyError
from resources.lake import Lake

DAY = date(2024, 5, 1)
DEAD = "json://user:hidden-word@127.0.0.1:1/hidden-path"


def happened(lake: Lake, day: date = DAY, kind: str = "held", subject: str = "orders") -> None:
    lake.transact(lambda db: ledger.alert(db, day, kind, subject, f"why {subject}"))


def left(lake: Lake) -> list[tuple[str, int]]:
    return [(alert.subject, alert.attempts) for alert in unsent(lake)]


def later(minutes: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=minutes)


def test_an_alert_is_sent_once_and_says_what_when_why_and_what_to_do(lake, inbox, alerted) -> None:
    happened(lake)
    assert tell(lake, alerted(inbox.url)) == 1
    assert tell(lake, alerted(inbox.url)) == 0
    assert inbox.titles == ["Leeway: orders 2024-05-01: held"]
    told = inbox.received[0]["body"]
    assert told.startswith("why orders\nNext: see http://dagster.example/assets/raw/orders;")
    assert "`leeway release orders 2024-05-01 --why ...`" in told


def test_the_same_cause_on_the_same_day_is_told_once(lake, inbox, alerted) -> None:
    happened(lake)
    tell(lake, alerted(inbox.url))
    happened(lake)
    tell(lake, alerted(inbox.url))
    happened(lake, DAY + timedelta(days=1))
    tell(lake, alerted(inbox.url))
    assert inbox.titles == ["Leeway: orders 2024-05-01: held", "Leeway: orders 2024-05-02: held"]


def test_two_rows_that_two_processes_wrote_of_one_cause_are_one_message(
    lake, inbox, alerted
) -> None:
    row = {"day": DAY, "kind": "held", "subject": "orders", "message": "why"}
    for _ in range(2):
        lake.transact(lambda db: ledger.insert(db, "alerts", row))
    assert tell(lake, alerted(inbox.url)) == 1
    assert len(inbox.received) == 1
    assert unsent(lake) == []


def test_an_event_that_is_rolled_back_is_not_told(lake, inbox, alerted) -> None:
    def work(connection) -> None:
        ledger.alert(connection, DAY, "held", "orders", "why")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lake.transact(work)
    assert tell(lake, alerted(inbox.url)) == 0
    assert inbox.received == []


def test_what_no_address_accepts_is_tried_again_later(lake, inbox, alerted, caplog) -> None:
    happened(lake)
    inbox.status = 500
    assert tell(lake, alerted(inbox.url)) == 0
    assert left(lake) == [("orders", 1)]
    assert inbox.token not in caplog.text
    assert inbox.password not in caplog.text
    inbox.status = 200
    assert tell(lake, alerted(inbox.url)) == 0  # a minute has not passed
    assert tell(lake, alerted(inbox.url), later(2)) == 1
    assert inbox.titles == ["Leeway: orders 2024-05-01: held"]


def test_attempts_come_further_and_further_apart_and_end() -> None:
    written = datetime(2024, 5, 1)
    alert = [Alert(DAY, "held", "orders", "why", written, attempts) for attempts in range(14)]
    minutes = [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047]
    for attempts, wait in enumerate(minutes):
        assert alert[attempts].is_due(written + timedelta(minutes=wait))
        assert not alert[attempts].is_due(written + timedelta(minutes=wait - 0.1))
    assert not alert[12].is_due(datetime.max)


def test_giving_up_is_logged(lake, inbox, alerted, caplog) -> None:
    happened(lake)
    for _ in range(outbox.MOST_ATTEMPTS):
        tell(lake, alerted(DEAD), later(100_000))
    assert "gave up sending held orders of 2024-05-01" in caplog.text
    assert tell(lake, alerted(inbox.url), later(100_000)) == 0
    assert "hidden" not in caplog.text


def test_one_address_that_accepts_is_enough_and_the_other_is_logged(
    lake, inbox, alerted, caplog
) -> None:
    happened(lake)
    assert tell(lake, alerted(DEAD, inbox.url)) == 1
    assert unsent(lake) == []
    assert "was not accepted by address 1 of 2 (json://)" in caplog.text


def test_without_an_address_the_log_has_told_it(lake, inbox, alerted, caplog) -> None:
    with caplog.at_level(logging.WARNING, logger="leeway"):
        happened(lake)
    assert "2024-05-01 held: why orders" in caplog.text
    assert tell(lake, alerted()) == 1
    assert tell(lake, alerted(inbox.url)) == 0


def test_a_few_alerts_come_one_by_one_and_many_as_one_message(lake, inbox, alerted) -> None:
    for number in range(outbox.SINGLY):
        happened(lake, subject=f"table_{number}")
    assert tell(lake, alerted(inbox.url)) == 5
    assert len(inbox.received) == 5
    for number in range(30):
        happened(lake, DAY + timedelta(days=number), subject="lines")
    happened(lake, DAY + timedelta(days=30), "promotion", "model")
    assert tell(lake, alerted(inbox.url)) == 31
    assert inbox.titles[5:] == ["Leeway: 31 alerts: 30 held, 1 promotion"]
    lines = inbox.received[5]["body"].splitlines()
    assert lines[0] == "2024-05-31 promotion model: why model"
    assert lines[20] == "... and 11 more"
    assert unsent(lake) == []


def test_a_line_of_a_digest_is_one_line() -> None:
    alert = Alert(DAY, "run_failed", "daily", "a\n\nb " + "c" * 500, datetime(2024, 5, 1), 0)
    assert outbox.line(alert) == "2024-05-01 run_failed daily: a b " + "c" * 196


def test_work_keeps_its_alerts_back_until_its_end_even_when_it_fails(lake, inbox, alerted) -> None:
    @telling(lake, alerted(inbox.url))
    def work() -> None:
        happened(lake)
        with pytest.raises(Timeout):
            outbox_lock(alerted()).acquire(timeout=0)
        assert inbox.received == []
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert inbox.titles == ["Leeway: orders 2024-05-01: held"]
    with outbox_lock(alerted()).acquire(timeout=0):
        assert unsent(lake) == []


def test_work_does_not_fail_by_alerts_that_cannot_be_marked(
    lake, inbox, alerted, monkeypatch, caplog
) -> None:
    def busy(*_: object) -> None:
        raise LakeBusyError("locked on 8 tries")

    monkeypatch.setattr(Lake, "transact", busy)
    with telling(lake, alerted(inbox.url)):
        lake_row = {"day": DAY, "kind": "held", "subject": "orders", "message": "why"}
        with lake.connect() as connection:
            ledger.insert(connection, "alerts", lake_row)
    assert "alerts were not sent, they will be tried again: locked on 8 tries" in caplog.text
    assert left(lake) == [("orders", 0)]


def test_work_does_not_fail_by_a_service_s_plugin_and_its_words_are_not_shown(
    lake, inbox, alerted, monkeypatch, caplog
) -> None:
    def broken(channel: Channel, *_: object) -> None:
        raise ConnectionAbortedError(channel.url.get_secret_value())

    monkeypatch.setattr(Channel, "send", broken)
    with telling(lake, alerted(inbox.url)):
        happened(lake)
    assert "they will be tried again: ConnectionAbortedError" in caplog.text
    assert inbox.token not in caplog.text
    assert left(lake) == [("orders", 0)]


def test_a_crash_between_sending_and_marking_repeats_the_message_and_loses_none(
    lake, inbox, alerted, monkeypatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    happened(lake)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "mark", crash)
        with pytest.raises(KeyboardInterrupt):
            tell(lake, alerted(inbox.url))
    assert tell(lake, alerted(inbox.url)) == 1
    assert inbox.titles == ["Leeway: orders 2024-05-01: held"] * 2


def test_work_goes_on_where_another_process_sends(
    lake, inbox, alerted, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(outbox, "LOCK_SECONDS", 0)
    with outbox_lock(alerted()), telling(lake, alerted(inbox.url)):
        happened(lake)
    assert "another process is sending alerts" in caplog.text
    assert left(lake) == [("orders", 0)]
