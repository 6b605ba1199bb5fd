"""Alerts leave the ledger: rows that nobody was told are sent, then marked.

A row of `ledger.alerts` is written in the transaction of what it is about. Sending comes after, by
one process at a time, so a message is sent once; only a crash between sending and marking repeats
it. An alert that nobody is told would be worse.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
from filelock import FileLock, Timeout

from alerting.channels import channels_of, deliver
from alerting.messages import Message, digest, single
from commit_points import reached
from errors import LeewayError
from resources.lake import Lake
from resources.settings import Settings

logger = logging.getLogger("leeway")

SINGLY = 5  # more than these at a time become one message
MOST_ATTEMPTS = 12  # the last about a day and a half after the first
LOCK_SECONDS = 60
WIDTH = 200  # characters of an alert's message in a digest


@dataclass(frozen=True)
class Alert:
    """A row that has not been told: attempts counts messages that no address accepted."""

    day: date
    kind: str
    subject: str
    message: str
    written_at: datetime
    attempts: int

    def is_due(self, now: datetime) -> bool:
        """Return whether to try at `now` (UTC): 0, 1, 3, 7, ... minutes after it was written."""
        wait = timedelta(minutes=2**self.attempts - 1)
        return self.attempts < MOST_ATTEMPTS and now >= self.written_at + wait


@contextmanager
def telling(lake: Lake, settings: Settings) -> Iterator[None]:
    """Keep alerts back while work goes on and tell them at its end, also where the work fails.

    So a history of years ends in one message. The work never fails by its alerts: what could not
    be sent stays in the ledger, for the daemon or the next command.
    """
    lock = outbox_lock(settings)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        logger.warning("another process is sending alerts: it will send those of this command too")
    try:
        yield
    finally:
        if lock.is_locked:
            _tell_or_log(lake, settings)
            lock.release()


def outbox_lock(settings: Settings) -> FileLock:
    """Return the lock of who may send; a killed process gives it back."""
    return FileLock(settings.home / "alerts.lock")


def tell(lake: Lake, settings: Settings, now: datetime | None = None) -> int:
    """Send what is due and mark it; returns how many alerts were told. Hold the lock.

    now: UTC without zone. Without any address the log, which has every alert already, is enough.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    waiting = unsent(lake)
    channels = channels_of(settings) if waiting else ()
    if not channels:
        mark(lake, waiting, sent=True)
        return len(waiting)
    due = [alert for alert in waiting if alert.is_due(now)]
    told = 0
    for message, alerts in messages(due, settings.dagster_url):
        accepted = deliver(channels, message)
        reached("alerts-sent")
        mark(lake, alerts, sent=accepted)
        if not accepted:
            break
        told += len(alerts)
    return told


def messages(
    alerts: Sequence[Alert], dagster_url: str
) -> Iterator[tuple[Message, Sequence[Alert]]]:
    """Return one message per alert, or one for all where they are many."""
    if len(alerts) > SINGLY:
        kinds = Counter(alert.kind for alert in alerts)
        lines = [line(alert) for alert in reversed(alerts)]
        yield digest(kinds, lines), alerts
        return
    for alert in alerts:
        yield single(alert.day, alert.kind, alert.subject, alert.message, dagster_url), [alert]


def line(alert: Alert) -> str:
    """Return an alert as one line of a digest."""
    message = " ".join(alert.message.split())
    return f"{alert.day} {alert.kind} {alert.subject}: {message[:WIDTH]}"


def unsent(lake: Lake) -> list[Alert]:
    """Return what nobody was told, oldest first; two rows of one cause and day are one alert."""
    rows = lake.rows(
        """select day, kind, subject, min(message) as message, min(written_at) as written_at,
            max(coalesce(attempts, 0)) as attempts
        from ledger.alerts group by day, kind, subject having count(sent_at) = 0
        order by written_at, day, kind, subject"""
    )
    return [Alert(**row) for row in rows]


def mark(lake: Lake, alerts: Sequence[Alert], sent: bool) -> None:
    """Keep that alerts were told, or that an attempt has failed."""
    if not alerts:
        return
    change = (
        "sent_at = timezone('UTC', current_timestamp)"
        if sent
        else "attempts = coalesce(attempts, 0) + 1"
    )
    columns = [[a.day for a in alerts], [a.kind for a in alerts], [a.subject for a in alerts]]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(
            f"""update ledger.alerts set {change} where sent_at is null
            and (day, kind, subject) in (select (unnest(?), unnest(?), unnest(?)))""",
            columns,
        )

    lake.transact(write)
    for alert in alerts:
        if not sent and alert.attempts + 1 == MOST_ATTEMPTS:
            logger.error("gave up sending %s %s of %s", alert.kind, alert.subject, alert.day)


def _tell_or_log(lake: Lake, settings: Settings) -> None:
    try:
        tell(lake, settings)
    except (LeewayError, duckdb.Error) as error:
        logger.error("alerts were not sent, they will be tried again: %s", error)
    except Exception as error:  # a service's plugin; its words may show an address, a secret
        logger.error("alerts were not sent, they will be tried again: %s", type(error).__name__)
