"""Open the lake and the declaration, without loading the code location."""

import ledger
from declaration import Declaration
from declared import declared
from resources.dbt import manifest
from resources.lake import Lake, lake_of
from resources.settings import Settings, pii_key, settings


def opened() -> tuple[Lake, Declaration]:
    """Return the lake, its ledger ready to be read, and what the dbt project declares."""
    loaded = settings()
    lake = lake_of(loaded)
    ledger.prepare(lake)
    return lake, declared(manifest(loaded.home, loaded.dbt_project_dir))


def ready(loaded: Settings, declaration: Declaration) -> Lake:
    """Return the lake with what work on it needs: the ledger, every declared raw table, the key.

    Raises SetupError where the lake cannot be reached or its rows were made with another key.
    """
    from ingestion.key import require_key
    from ingestion.publish import create_all

    lake = lake_of(loaded)
    ledger.prepare(lake)
    require_key(lake, pii_key(loaded))
    create_all(lake, declaration.tables)  # views over them can be made before the first file
    return lake
