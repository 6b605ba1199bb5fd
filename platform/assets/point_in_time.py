"""The audit of a model's features and labels as an asset check, with an alert where they leak."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    asset_check,
)

import ledger
from assets.keys import features_key
from assets.metadata import table
from assets.partitions import HEAVY
from declaration import MlModel
from errors import NoEvidenceError
from resources.dbt import compiled_manifest
from resources.lake import Lake
from resources.settings import Settings

if TYPE_CHECKING:
    from point_in_time.findings import Audit

KIND = "leak"
EXAMPLES = 30  # rows of differences that the UI shows for each table


def point_in_time_checks(
    models: Sequence[MlModel], settings: Settings
) -> list[AssetChecksDefinition]:
    """Return a check of each model's features table; the job `audit` runs them, no other job."""
    return [point_in_time_check(model, settings) for model in models]


def point_in_time_check(model: MlModel, settings: Settings) -> AssetChecksDefinition:
    """Return the check: ERROR where models have learned from it, WARN where a backfill would."""

    @asset_check(
        asset=features_key(model),
        name=f"point_in_time_{model.name}",
        description="Past days recomputed with only what was known on them are what is stored.",
        pool=HEAVY,
    )
    def check(context: AssetCheckExecutionContext, lake: Lake) -> AssetCheckResult:
        from point_in_time.audit import DAYS, audit
        from point_in_time.words import summary

        newest = newest_day(lake, model)
        try:
            found = audit(
                lake, compiled_manifest(settings), model, DAYS, newest.toordinal(), context.log.info
            )
        except NoEvidenceError as error:
            return AssetCheckResult(
                passed=False, severity=AssetCheckSeverity.WARN, description=str(error)
            )
        if not found.is_clean:
            told = f"{model.name} sees what was not known: {summary(found)}"
            lake.transact(lambda c: ledger.alert(c, newest, KIND, model.name, told))
        return result(found)

    return check


def result(found: "Audit") -> AssetCheckResult:
    """Return an audit as the UI shows it."""
    from point_in_time.words import differing, examples, summary

    stored = any(table.stored for table in found.tables)
    metadata: dict[str, MetadataValue] = {"seed": MetadataValue.int(found.seed)}
    for each in found.tables:
        metadata[f"{each.table}_days"] = MetadataValue.json([str(day.day) for day in each.days])
        if each.stored or each.recomputed:
            metadata[f"{each.table}_columns"] = table(differing(each))
            metadata[f"{each.table}_differences"] = table(examples(each, EXAMPLES))
    return AssetCheckResult(
        passed=found.is_clean,
        severity=AssetCheckSeverity.ERROR if stored else AssetCheckSeverity.WARN,
        description=summary(found),
        metadata=metadata,
    )


def newest_day(lake: Lake, model: MlModel) -> date:
    """Return the newest built day of a model's features: each week's audit draws other days."""
    query = "select max(day) as day from ledger.partitions where table_name = ?"
    day = lake.rows(query, [model.features.table])[0]["day"]
    return day or date.min
