"""What the upkeep of the lake would take for its own leftovers may not lie in the lake's folder."""

from pathlib import Path

import pytest

from errors import SetupError
from resources.settings import Settings


def loaded(folder: Path, data: Path | str, **given: str) -> Settings:
    return Settings(home=folder / "home", lake_data=str(data), **given)


@pytest.mark.parametrize("landing", ["data", "data/landing", "other/../data/landing"])
def test_a_landing_folder_inside_the_lake_s_data_is_refused(tmp_path: Path, landing: str) -> None:
    with pytest.raises(SetupError, match=r"LEEWAY_LANDING .*/data.* LEEWAY_LAKE_DATA") as refused:
        loaded(tmp_path, f"{tmp_path}/data/", landing=f"{tmp_path}/{landing}")
    assert "name a folder that holds nothing else" in str(refused.value)


def test_a_symlink_hides_neither_of_the_two(tmp_path: Path) -> None:
    (tmp_path / "data" / "landing").mkdir(parents=True)
    (tmp_path / "to_landing").symlink_to(tmp_path / "data" / "landing")
    (tmp_path / "to_data").symlink_to(tmp_path / "data")
    with pytest.raises(SetupError, match="LEEWAY_LANDING"):
        loaded(tmp_path, tmp_path / "data", landing=f"{tmp_path}/to_landing")
    with pytest.raises(SetupError, match="LEEWAY_LANDING"):
        loaded(tmp_path, tmp_path / "to_data", landing=f"{tmp_path}/data/landing")


@pytest.mark.parametrize("data", ["", "home", "home/mlartifacts", "home/staging"])
def test_what_home_keeps_may_not_lie_in_the_lake_s_data(tmp_path: Path, data: str) -> None:
    with pytest.raises(SetupError, match="inside LEEWAY_LAKE_DATA"):
        loaded(tmp_path, tmp_path / data, landing="s3://dumps/shop")


@pytest.mark.parametrize("landing", ["", "s3://dumps/shop", "beside", "data-of-the-shop"])
def test_folders_beside_the_lake_s_data_are_welcome(tmp_path: Path, landing: str) -> None:
    given = landing if "://" in landing or not landing else f"{tmp_path}/{landing}"
    loaded(tmp_path, tmp_path / "data", landing=given)
    loaded(tmp_path, "", landing=given)
