"""What `leeway status` tells; the keys of its JSON are these fields."""

import json
from datetime import date
from typing import Any

from pydantic import BaseModel, Field

import ledger
from declaration import Declaration, MlModel
from ingestion.deliveries import NEWEST, held_deliveries, newest_warnings
from lifecycle import store
from lifecycle.move import Move, move_of
from lifecycle.tested import untested
from lifecycle.trial import trial_of
from resources.lake import Lake, quoted

RECENT = 5


class TableStatus(BaseModel):
    """A raw table: what its files held. Every line read is either accepted or quarantined."""

    days: int = Field(description="days that were taken in, with or without a file")
    files: int = Field(description="days that had a file")
    rows_read: int = Field(description="lines of the current deliveries' files")
    rows_accepted: int = Field(description="lines that keep the contract")
    rows_quarantined: int = Field(description="lines in quarantine.<table>, with reasons")
    held: dict[date, str] = Field(description="days that wait for a person, and why")
    warnings: dict[date, str] = Field(description="newest published days with a warning")


class FeatureStatus(BaseModel):
    """A features or labels table: which days models may use."""

    days: int = Field(description="days that were built and have passed their tests")
    left_out: dict[date, str] = Field(description="days that no model uses, and why")


class DecisionStatus(BaseModel):
    """What a day's evidence asked for."""

    as_of: date = Field(description="decision day")
    kind: str = Field(description="incident, retrain, wait or none")
    lane: str = Field(description="normal, or alarm while the loss alarm is up")
    reasons: list[str] = Field(description="why")


class PromotionStatus(BaseModel):
    """A verdict of the gate."""

    as_of: date = Field(description="decision day; a promoted version is live from the next day")
    version: int = Field(description="version that was judged, or its refit where it was promoted")
    promoted: bool = Field(description="whether it went live")
    lane: str = Field(description="normal or alarm")
    reasons: list[str] = Field(description="the gate's words")


class AlarmStatus(BaseModel):
    """A check that failed with ERROR on the newest decision day."""

    as_of: date = Field(description="day of the check")
    name: str = Field(description="features, prediction or performance")
    reason: str = Field(description="what was measured against which limit")


class TrialStatus(BaseModel):
    """A champion on trial: the one before it scores the same rows."""

    shadow: int = Field(description="version that scores beside the champion")
    until: date = Field(description="last day of the trial")
    days: int = Field(description="days of the trial whose labels have matured")
    loss: float | None = Field(description="the champion's mean loss per row on these days")
    shadow_loss: float | None = Field(description="the shadow's on the same rows")


class ModelStatus(BaseModel):
    """A model: what is live and why."""

    champion: int | None = Field(description="version that is live, null before the first")
    champion_since: date | None = Field(description="first day on which it is live")
    trial: TrialStatus | None = Field(description="the champion's trial, null without one")
    versions: int = Field(description="registered versions, candidates and refits")
    trainings: int = Field(description="candidates trained")
    decisions: list[DecisionStatus] = Field(description="newest decisions, newest first")
    promotions: list[PromotionStatus] = Field(description="the gate's verdicts, newest first")
    alarms: list[AlarmStatus] = Field(description="alarms that are up")
    features: Move = Field(description="the move to changed features, and where it stands")


class AlertStatus(BaseModel):
    """An alert."""

    day: date = Field(description="day that it is about")
    kind: str = Field(
        description="run_failed, held, release, features, leak, incident, promotion, rollback"
    )
    subject: str = Field(description="table or model")
    message: str = Field(description="what happened")


class Status(BaseModel):
    """The platform's state, read from the ledger."""

    tables: dict[str, TableStatus] = Field(description="by raw table")
    features: dict[str, FeatureStatus] = Field(description="by table of features or labels")
    models: dict[str, ModelStatus] = Field(description="by model")
    alerts: list[AlertStatus] = Field(description="newest alerts, newest first")


def status(lake: Lake, declaration: Declaration) -> Status:
    """Read the state of every declared table and model."""
    alerts = lake.rows(
        "select day, kind, subject, message from ledger.alerts order by day desc, kind limit 10"
    )
    return Status(
        tables={table.name: _table(lake, table.name) for table in declaration.tables},
        features={name: _features(lake, name) for name in _tables_by_day(declaration)},
        models={model.name: _model(lake, model) for model in declaration.models},
        alerts=[AlertStatus(**alert) for alert in alerts],
    )


def _table(lake: Lake, name: str) -> TableStatus:
    counts = lake.rows(
        f"""with newest as (
            select * from ledger.deliveries where table_name = ?
            qualify {NEWEST}
        )
        select count(*) as days, count(file) as files,
            coalesce(sum(rows_read), 0)::bigint as rows_read,
            coalesce(sum(rows_accepted), 0)::bigint as rows_accepted,
            coalesce(sum(rows_quarantined), 0)::bigint as rows_quarantined
        from newest""",
        [name],
    )[0]
    held, warned = held_deliveries(lake, name), newest_warnings(lake, name, RECENT)
    return TableStatus(**counts, held=held, warnings=warned)


def _tables_by_day(declaration: Declaration) -> list[str]:
    names = ((model.features.table, model.label.table) for model in declaration.models)
    return sorted({name for pair in names for name in pair})


def _features(lake: Lake, name: str) -> FeatureStatus:
    counts = lake.rows(
        """select count(*) as days from ledger.partitions
        where table_name = ? and status = 'passed'""",
        [name],
    )[0]
    return FeatureStatus(**counts, left_out=untested(lake, [name]))


def _model(lake: Lake, model: MlModel) -> ModelStatus:
    name = model.name
    reign = ledger.reign_on(lake, name, date.max)
    counts = lake.rows(
        """select count(*) as versions, count(*) filter (where kind = 'candidate') as trainings
        from ledger.versions where model = ?""",
        [name],
    )[0]
    return ModelStatus(
        champion=reign["version"] if reign else None,
        champion_since=ledger.live_from(reign) if reign else None,
        trial=_trial(lake, model, reign),
        **counts,
        decisions=[DecisionStatus(**row) for row in _newest(lake, "decisions", name)],
        promotions=[PromotionStatus(**row) for row in _newest(lake, "promotions", name)],
        alarms=[AlarmStatus(**row) for row in ledger.alarms(lake, name)],
        features=move_of(lake, model),
    )


def _trial(lake: Lake, model: MlModel, reign: dict[str, Any] | None) -> TrialStatus | None:
    """Return the trial of what is live, until a decision day has come to its end."""
    found, newest = trial_of(model, reign), ledger.frontier(lake, model.name)
    if found is None or (newest and newest["as_of"] >= found.end):
        return None
    known: dict[str, Any] = {"days": 0, "loss": None, "shadow_loss": None}
    if store.exists(lake, store.performance(model)):
        known = lake.rows(
            f"""select count(*) as days, sum(rows * mean_loss) / sum(rows) as loss,
                sum(rows * shadow_loss) / sum(rows) as shadow_loss
            from {quoted("ml", store.performance(model))}
            where version = ? and shadow = ? and {quoted(model.time)} between ? and ?""",
            [found.version, found.shadow, found.first, found.looks[-1]],
        )[0]
    return TrialStatus(shadow=found.shadow, until=found.end, **known)


def _newest(lake: Lake, table: str, model: str) -> list[dict[str, Any]]:
    rows = lake.rows(
        f"select * from ledger.{table} where model = ? order by as_of desc limit {RECENT}", [model]
    )
    return [{**row, "reasons": json.loads(row["reasons"])} for row in rows]
