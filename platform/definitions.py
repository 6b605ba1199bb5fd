"""The code location: wiring only. Everything is derived from the dbt project's manifest."""

from collections.abc import Sequence
from datetime import date

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DailyPartitionsDefinition,
    Definitions,
    define_asset_job,
    definitions,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from alerting.channels import channels_of
from assets.decision import decision_asset
from assets.drift import drift_asset
from assets.features import feature_assets, view_assets
from assets.keys import labels_key
from assets.models import model_assets
from assets.partitions import daily
from assets.point_in_time import point_in_time_checks
from assets.predictions import performance_asset, predictions_asset
from assets.raw import raw_asset
from declaration import Declaration, MlModel
from declared import declared
from ingestion.clock import horizons_of
from resources.dbt import dbt_project, dbt_resource, fingerprint, manifest
from resources.on_first_use import lake_on_first_use, spark_on_first_use
from resources.registry import registry_of
from resources.settings import Settings, require_landing, settings
from sensors.alerts import alerts, run_failures
from sensors.daily import daily_chain, daily_schedule
from sensors.landing_arrivals import landing_arrivals
from sensors.project_changes import project_changes
from sensors.retrain_on_drift import retrain_on_drift
from sensors.stale_features import stale_features
from sensors.weekly_audit import audit_job, weekly_audit
from sensors.weekly_upkeep import upkeep_job, weekly_upkeep

DEFAULT_START = date(2009, 12, 1)


@definitions
def defs() -> Definitions:
    """Build the code location from the settings of this process."""
    return build(settings())


def build(settings: Settings) -> Definitions:
    """Return every asset, job, sensor, schedule and resource of one dbt project.

    Raises DeclarationError for a mistake in the project, SetupError for one in the machine.
    """
    project = dbt_project(settings)
    loaded = fingerprint(settings.dbt_project_dir)
    parsed = manifest(settings.home, settings.dbt_project_dir)
    declaration = declared(parsed)
    start = start_of(settings, declaration)
    partitions = daily(start, timezone_of(declaration))
    require_landing(settings)
    channels_of(settings)
    horizons = horizons_of(parsed)
    views = view_assets(parsed, project, settings)
    by_day = feature_assets(parsed, project, partitions, declaration.models, settings)
    audits = point_in_time_checks(declaration.models, settings)
    days = AssetSelection.assets(by_day) - AssetSelection.checks(*audits)  # minutes, once a week
    jobs = jobs_of(declaration, AssetSelection.assets(views), days)
    upkeep, weekly = upkeep_job(settings, declaration.models), audit_job(audits)
    return Definitions(
        assets=[
            *(raw_asset(t, partitions, settings, horizons) for t in declaration.tables),
            views,
            by_day,
            *(a for model in declaration.models for a in model_assets(model, partitions)),
            *(a for m in declaration.models for a in live_assets(m, partitions, settings)),
        ],
        asset_checks=audits,
        jobs=[*jobs.values(), upkeep, weekly],
        schedules=[
            daily_schedule(declaration, jobs["daily"], start, timezone_of(declaration)),
            weekly_upkeep(upkeep, timezone_of(declaration)),
            weekly_audit(weekly, timezone_of(declaration)),
        ],
        sensors=[
            *(retrain_on_drift(model) for model in declaration.models),
            landing_arrivals(declaration, settings.landing, start, [jobs["daily"], jobs["ingest"]]),
            daily_chain(declaration, start, list(jobs.values())),
            stale_features(
                declaration.models,
                start,
                sorted(views.keys, key=AssetKey.to_user_string),
                jobs["backfill"],
            ),
            project_changes(settings, loaded),
            run_failures(settings),
            alerts(settings),
        ],
        resources={
            "lake": lake_on_first_use(settings, declaration),
            "registry": registry_of(settings),
            "spark": spark_on_first_use(settings),
            "dbt": dbt_resource(settings),
        },
        executor=in_process_executor,
    )


def live_assets(
    model: MlModel, partitions: DailyPartitionsDefinition, settings: Settings
) -> list[AssetsDefinition]:
    """Return what happens every day to a model that is live."""
    return [
        predictions_asset(model, partitions),
        performance_asset(model, partitions),
        drift_asset(model, partitions, settings.evidently),
        decision_asset(model, partitions),
    ]


def jobs_of(
    declaration: Declaration, views: AssetSelection, by_day: AssetSelection
) -> dict[str, UnresolvedAssetJobDefinition]:
    """Return every job by name; `plan.py` says when each runs."""
    raw = keyed(*(["raw", table.name] for table in declaration.tables))
    labels = AssetSelection.assets(*map(labels_key, declaration.models))
    selections = {
        "views": views,
        "ingest": raw,
        "features": by_day - labels,
        "history": by_day,
        "backfill": views | by_day,
        "daily": raw | views | (by_day - labels),
    }
    for model in declaration.models:
        selections |= model_selections(model)
    return {name: define_asset_job(name, selection) for name, selection in selections.items()}


def model_selections(model: MlModel) -> dict[str, AssetSelection]:
    """Return the assets of every job of one model."""
    name = model.name
    return {
        f"{name}_maturing": keyed(labels_key(model).path, [name, "performance"]),
        f"{name}_measuring": keyed([name, "performance"]),
        f"{name}_scoring": keyed([name, "predictions"]),
        f"{name}_monitoring": keyed([name, "drift"], [name, "decision"]),
        f"{name}_decision": keyed([name, "decision"]),
        f"{name}_training": keyed(
            *([name, asset] for asset in ("training_set", "candidate", "evaluation", "champion"))
        ),
    }


def start_of(settings: Settings, declaration: Declaration) -> date:
    """Return the first partition: LEEWAY_START, or the earliest `ingest.start`, or 2009-12-01."""
    return settings.start or declaration.start or DEFAULT_START


def timezone_of(declaration: Declaration) -> str:
    """Return the clock of the partitions, that of the first raw table."""
    return declaration.tables[0].ingest.timezone if declaration.tables else "UTC"


def keyed(*keys: Sequence[str]) -> AssetSelection:
    """Select assets by the parts of their keys."""
    return AssetSelection.assets(*(AssetKey(list(key)) for key in keys))
