"""The smallest plan that repairs what wrong days have tainted; nothing of it is done here."""

from collections.abc import Iterator, Sequence
from datetime import date

from pydantic import BaseModel

from declaration import Declaration
from lifecycle.taint import Taint, TaintedModel, spans


class Step(BaseModel):
    """One thing to do: a command, or an asset whose days are to be materialized."""

    what: str
    command: str | None = None
    asset: str | None = None
    days: list[date] = []


def plan(found: Taint, declaration: Declaration) -> list[Step]:
    """Return the steps in their order; those of a model only where it is tainted."""
    return [*_source(found, declaration), *(s for m in found.models for s in _model(found, m))]


def _source(found: Taint, declaration: Declaration) -> Iterator[Step]:
    """What makes the days themselves right."""
    if found.is_raw:
        [raw] = [table for table in declaration.tables if table.name == found.table]
        yield Step(
            what=f"put the right files in place ({raw.ingest.path}) and take the days in again. "
            "They count from the newest day on: features of days before it keep what was known",
            asset=f"raw/{found.table}",
            days=found.days,
        )
        return
    reach = found.tables[0]
    if reach.days:
        schema = next(
            model.features_schema if model.features.table == reach.table else model.label_schema
            for model in declaration.models
            if reach.table in (model.features.table, model.label.table)
        )
        yield Step(
            what="correct the SQL or what it reads, then build the days again",
            asset=f"{schema}/{reach.table}",
            days=reach.days,
        )


def _model(found: Taint, model: TaintedModel) -> Iterator[Step]:
    why = f"{found.table} {spans(found.days)} was wrong"
    if model.live_is_tainted and model.clean:
        only = (
            f": version {model.clean[0]} was rolled back itself, and no other is left, so see why"
            if model.clean[0] in model.rolled_back
            else ""
        )
        yield Step(
            what=f"go back from version {model.live} to the newest that has not learned from "
            f"them{only}",
            command=f'leeway rollback {model.model} --to {model.clean[0]} --why "{why}"',
        )
    elif model.live_is_tainted:
        yield Step(
            what=f"version {model.live} has learned from them and no clean one was ever live: "
            "train again, on the newest decision day, when the days above are right",
            asset=f"{model.model}/training_set, candidate, evaluation, champion",
        )
    rescored = _changed(found, model.predictions)
    if rescored:
        what = "score the days again whose features have changed, then measure them"
        asset = f"{model.model}/predictions, performance"
        yield Step(what=what, asset=asset, days=rescored)


def _changed(found: Taint, predicted: Sequence[date]) -> list[date]:
    """Return the predicted days whose features the plan builds again; raw days rebuild none."""
    rebuilt = set() if found.is_raw else {day for reach in found.tables for day in reach.days}
    return [day for day in predicted if day in rebuilt]
