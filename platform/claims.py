"""Who a place belongs to: the first to come keeps it, another one is refused.

Two catalogs that share a folder of data delete each other's rows: neither knows the other's files.
"""

from pathlib import Path

from errors import SetupError
from resources.folders import made_once
from resources.lake import Lake

MARKER = "catalog.id"  # in the lake's data folder; no Parquet, so no upkeep deletes it


def claim_data(lake: Lake) -> None:
    """Keep the lake's data folder for its catalog.

    A catalog is known by the id of its first schema: DuckLake draws it once, at random, and it
    stays where the catalog moves. Raises SetupError where the folder is another catalog's.
    """
    found = lake.rows(
        "select schema_uuid from __ducklake_metadata_lake.ducklake_schema where schema_id = 0"
    )
    mine, path = str(found[0]["schema_uuid"]), Path(lake.data, MARKER)
    owner = made_once(path, mine, mode=0o644)
    if owner != mine:
        raise SetupError(
            f"{lake.data} holds the rows of another catalog ({path} names {owner}, this one is "
            f"{mine}), and upkeep would delete them: give this catalog a folder of its own "
            f"(LEEWAY_LAKE_DATA), or remove {path} where the other catalog is gone for good"
        )
