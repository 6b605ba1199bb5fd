"""Days as partitions: one definition for every asset that has days."""

from datetime import date, timedelta

from dagster import AssetExecutionContext, DailyPartitionsDefinition

HEAVY = "heavy"  # one pool for Spark, dbt and torch: on few cores they take turns


def daily(start: date, timezone: str) -> DailyPartitionsDefinition:
    """Return the daily partitions from `start` on; a day exists once it is over on its clock."""
    return DailyPartitionsDefinition(start_date=start.isoformat(), timezone=timezone)


def days_of(context: AssetExecutionContext) -> list[date]:
    """Return the run's days, ascending; a range run has many, a single run one."""
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


def days_between(first: date, last: date) -> list[date]:
    """Return every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
