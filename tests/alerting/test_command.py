"""A history whose run fails tells it at its end."""

from datetime import date
from pathlib import Path

import pytest
from dagster import DagsterInstance, Definitions, asset, define_asset_job

from alerting.outbox import unsent
from declaration import Declaration
from errors import RunFailedError
from history import History
from resources.registry import Registry

DAY = date(2024, 5, 1)


def test_a_failed_run_of_a_command_is_told_when_the_command_ends(
    lake, inbox, alerted, instance: DagsterInstance, tmp_path: Path
) -> None:
    @asset
    def broken() -> None:
        assert inbox.received == []
        raise ZeroDivisionError("the scale shows 0 kg")

    history = History(
        definitions=Definitions(assets=[broken], jobs=[define_asset_job("views")]),
        declaration=Declaration(tables=(), models=()),
        instance=instance,
        lake=lake,
        registry=Registry(uri=f"sqlite:///{tmp_path}/mlflow.db", artifacts="", url=""),
        settings=alerted(inbox.url),
        first=DAY,
        last=DAY,
        progress=lambda _step: None,
    )
    with pytest.raises(RunFailedError):
        history.run()
    assert [title.split(":")[-1] for title in inbox.titles] == [" run failed"]
    assert "the scale shows 0 kg" in inbox.received[0]["body"]
    assert unsent(lake) == []
