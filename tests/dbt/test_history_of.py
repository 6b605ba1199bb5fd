"""The macros that write an as-of join: what they refuse."""

from pathlib import Path

import pytest

from errors import SetupError
from resources.dbt import compiled_manifest
from resources.settings import Settings


def four_hundred_days(project: Path) -> None:
    """Look further back than any feature may."""
    path = project / "models" / "intermediate" / "int_customer_products.sql"
    path.write_text(path.read_text().replace("180) }}", "400) }}"))


def test_a_window_longer_than_the_lookback_is_refused_by_name(edited, tmp_path: Path) -> None:
    shop = edited(four_hundred_days)(tmp_path)
    shop.deliver_empty("2020-03-01", "2020-03-01")
    refused = r"int_customer_products\.sql: a window of 400 days is longer than lookback_days, 365"
    with pytest.raises(SetupError, match=refused):
        compiled_manifest(Settings(home=shop.home, dbt_project_dir=shop.project))
