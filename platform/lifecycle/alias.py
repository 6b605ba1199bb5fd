"""MLflow's alias follows the ledger: a crash, or an MLflow that was gone, may have come between."""

import logging
from collections.abc import Iterable
from datetime import date

import ledger
from errors import RegistryError
from examples import exists
from resources.lake import Lake
from resources.registry import Registry

logger = logging.getLogger("leeway")


def reconcile(lake: Lake, registry: Registry, model: str) -> None:
    """Point MLflow's alias at what is live; raises RegistryError where MLflow does not answer."""
    live = ledger.champion_on(lake, model, date.max)
    if live is not None and registry.pointed(model) != live:
        registry.point(model, live)


def reconcile_all(lake: Lake, registry: Registry, models: Iterable[str]) -> None:
    """Do so for `models` at a start; where MLflow does not answer, say so and go on."""
    for model in models:
        try:
            reconcile(lake, registry, model)
        except RegistryError as error:
            logger.warning(
                "%s: MLflow's alias may not be what is live, which `leeway status` says; the next "
                "start tries again: %s",
                model,
                error,
            )


def crowned(lake: Lake) -> list[str]:
    """Return the models that have ever had a champion; none in a home that is new."""
    if not exists(lake, "ledger", "champions"):
        return []
    rows = lake.rows("select distinct model from ledger.champions order by model")
    return [row["model"] for row in rows]
