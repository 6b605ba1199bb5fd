"""A failed run as a row of the ledger: which step, the first error's own words, no secret."""

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

import duckdb
from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, PARTITION_NAME_TAG

import ledger
from alerting.channels import channels_of, deliver
from alerting.messages import single
from errors import LeewayError
from launch import cause
from plan import DAY_TAG
from resources.lake import Lake
from resources.settings import Settings

logger = logging.getLogger("leeway")
KIND = "run_failed"
HEAD, TAIL = 200, 800  # of a long error: what failed, and the words that say why
DAY_TAGS = (DAY_TAG, PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_END_TAG)
SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|ALERT_URLS")
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
SHORT = 6  # a value below this length hides nothing and would be found in any text


def note_failure(
    lake: Lake, instance: DagsterInstance, run: DagsterRun, settings: Settings
) -> None:
    """Write the alert of a failed run, at most one per job and day.

    Where the lake itself is what fails, the message is sent at once: no row can hold it. Nothing
    is raised, so that the failure that is told stays the one that is seen.
    """
    message = message_of(run, instance, settings.dagster_url)
    day = day_of(run, instance)
    try:
        lake.transact(lambda db: ledger.alert(db, day, KIND, run.job_name, message))
    except (LeewayError, duckdb.Error) as error:
        logger.error("the alert of run %s could not be kept, it is sent: %s", run.run_id, error)
        channels = channels_of(settings)
        deliver(channels, single(day, KIND, run.job_name, message, settings.dagster_url))


def message_of(run: DagsterRun, instance: DagsterInstance, dagster_url: str) -> str:
    """Return which step failed, its first error's own words and the run's page."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    entries = instance.all_logs(run.run_id, of_type=kinds)
    step, words = cause(entry.dagster_event for entry in entries if entry.dagster_event)
    return f"failed in {step}: {clean(words, os.environ)}\n{dagster_url}/runs/{run.run_id}"


def day_of(run: DagsterRun, instance: DagsterInstance) -> date:
    """Return the day that a run is about, the last one of a range; else when it was made (UTC)."""
    for tag in DAY_TAGS:
        if tag in run.tags:
            return date.fromisoformat(run.tags[tag])
    record = instance.get_run_record_by_id(run.run_id)
    made = record.create_timestamp if record else datetime.now(UTC)
    return made.date()


def clean(words: str, environment: Mapping[str, str]) -> str:
    """Return an error's words, cut, without secrets of the environment or credentials in URLs."""
    hidden = (value for name, value in environment.items() if SECRET.search(name.upper()))
    secrets = {word for value in hidden for word in value.split() if len(word) >= SHORT}
    for value in sorted(secrets, key=len, reverse=True):
        words = words.replace(value, "***")
    words = CREDENTIALS.sub("***", words)
    long = len(words) > HEAD + TAIL
    return f"{words[:HEAD]}\n...\n{words[-TAIL:]}" if long else words
