"""Who a place belongs to: the first to come keeps it, another one is refused.

Two catalogs that share a folder of data delete each other's rows: neither knows the other's files.
Two homes that share Dagster's storage take each other's runs for their own, alive or not.
"""

import uuid
from pathlib import Path

from dagster import DagsterInstance

from errors import SetupError
from resources.folders import made_once
from resources.lake import Lake
from resources.room import shortage

MARKER = "catalog.id"  # in the lake's data folder; no Parquet, so no upkeep deletes it
HOME = "leeway home"  # among the cursors that Dagster's storage keeps


def claim_data(lake: Lake) -> None:
    """Keep the lake's data folder for its catalog.

    A catalog is known by the id of its first schema: DuckLake draws it once, at random, and it
    stays where the catalog moves. Raises SetupError where the folder is another catalog's, or
    cannot be written to, and DiskFullError.
    """
    found = lake.rows(
        "select schema_uuid from __ducklake_metadata_lake.ducklake_schema where schema_id = 0"
    )
    mine, path = str(found[0]["schema_uuid"]), Path(lake.data, MARKER)
    try:
        owner = made_once(path, mine, mode=0o644).strip()
    except OSError as error:
        refused = SetupError(f"{path} cannot be written ({error}): check LEEWAY_LAKE_DATA")
        raise shortage(str(error), path.parent) or refused from error
    if owner != mine:
        raise SetupError(
            f"{lake.data} holds the rows of another catalog ({path} names {owner}, this one is "
            f"{mine}), and upkeep would delete them: give this catalog a folder of its own "
            f"(LEEWAY_LAKE_DATA), or remove {path} where the other catalog is gone for good"
        )


def claim_runs(instance: DagsterInstance, home: Path) -> None:
    """Keep Dagster's storage for one home, which is known by the random id in its `home.id`.

    Raises SetupError where the storage is another home's.
    """
    path, storage = home / "home.id", instance.daemon_cursor_storage
    mine = made_once(path, uuid.uuid4().hex).strip()
    owner = storage.get_cursor_values({HOME}).get(HOME)
    if owner is None:
        storage.set_cursor_values({HOME: mine})
    elif owner != mine:
        raise SetupError(
            f"Dagster's storage holds the runs of another home (it names {owner}, {path} says "
            f"{mine}): give {home} a database of its own (LEEWAY_DAGSTER_STORAGE), or write "
            f"{owner} into {path} where this home takes the place of one that is gone"
        )
