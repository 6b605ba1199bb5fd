"""One folder of data is one catalog's: another one's upkeep would delete its rows."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ledger
from claims import claim_data
from errors import SetupError
from resources.folders import made_once
from resources.lake import Lake


def second(lake: Lake, folder: Path) -> Lake:
    """A lake of another catalog whose data are in the folder of the first."""
    return Lake(catalog=f"sqlite:{folder}/second.sqlite", data=lake.data)


def test_the_catalog_that_came_first_keeps_its_folder(lake: Lake, tmp_path: Path) -> None:
    marker = Path(lake.data, "catalog.id")
    assert marker.read_text() not in ("", lake.catalog)
    claim_data(lake)
    with pytest.raises(SetupError) as refused:
        ledger.prepare(second(lake, tmp_path))
    told = str(refused.value)
    assert all(word in told for word in (lake.data, "LEEWAY_LAKE_DATA", str(marker)))
    assert marker.read_text() in told
    ledger.prepare(lake)


def test_a_folder_of_either_kind_of_catalog_is_claimed(postgres, tmp_path: Path) -> None:
    lakes = [
        Lake(catalog=f"postgres:{postgres.libpq(postgres.database())}", data=f"{tmp_path}/data/")
        for _ in range(2)
    ]
    ledger.prepare(lakes[0])
    with pytest.raises(SetupError, match="LEEWAY_LAKE_DATA"):
        ledger.prepare(lakes[1])


def test_a_folder_whose_owner_is_gone_can_be_taken_over(lake: Lake, tmp_path: Path) -> None:
    Path(lake.data, "catalog.id").unlink()
    ledger.prepare(second(lake, tmp_path))
    with pytest.raises(SetupError):
        claim_data(lake)


def test_of_many_who_write_one_name_the_first_counts_for_all(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: made_once(tmp_path / "id", str(n)), range(32)))
    assert set(found) == {(tmp_path / "id").read_text()}
    assert [path.name for path in tmp_path.iterdir()] == ["id"]
