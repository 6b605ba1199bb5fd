"""Where the base is checked out: nothing is left of a call, whatever ended it."""

from pathlib import Path

import pytest

from errors import SetupError
from impact.run import folder
from resources.settings import Settings


def left(home: Path) -> list[str]:
    return [each.name for each in (home / "impact").glob("work-*")]


def test_what_a_killed_call_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    old = tmp_path / "impact" / "work-killed"
    (old / "checkout").mkdir(parents=True)
    (old / "checkout" / "a.sql").write_text("select 1")
    with folder(Settings(home=tmp_path)) as place:
        assert left(tmp_path) == [place.name]
    assert left(tmp_path) == []


def test_it_is_removed_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), folder(Settings(home=tmp_path)):
        raise KeyboardInterrupt
    assert left(tmp_path) == []


def test_a_second_call_does_not_take_the_first_ones_folder_away(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with folder(settings) as place:
        with pytest.raises(SetupError, match="another `leeway impact` is compiling"):
            folder(settings).__enter__()
        assert place.exists()
