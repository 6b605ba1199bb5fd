"""Open the lake and the declaration, without loading the code location."""

import ledger
from declaration import Declaration
from declared import declared
from resources.dbt import manifest
from resources.lake import Lake, lake_of
from resources.settings import settings


def opened() -> tuple[Lake, Declaration]:
    """Return the lake, its ledger ready to be read, and what the dbt project declares."""
    loaded = settings()
    lake = lake_of(loaded)
    ledger.prepare(lake)
    return lake, declared(manifest(loaded.home, loaded.dbt_project_dir))
