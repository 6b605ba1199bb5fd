"""What files say is shown as it stands: brackets in it are no markup."""

from datetime import date

import pytest
from rich.console import Console

import cli_deliveries
from ingestion.rejects import Rejects
from lifecycle.move import Move
from replay import Replayed
from shown import show_status
from status import AlarmStatus, AlertStatus, FeatureStatus, ModelStatus, Status, TableStatus

DAY = date(2024, 5, 1)
ODD = "[/b] and [red]"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A wide terminal that remembers what was printed."""
    made = Console(width=200, record=True)
    monkeypatch.setattr(cli_deliveries, "out", made)
    return made


def test_rejected_rows_with_brackets_are_shown(screen: Console) -> None:
    row = {"reason": ODD, "rows": 1, "days": 1, "day": DAY, "status": ODD}
    sample = {"reason": ODD, "file": f"landing/{ODD[2:]}", "line": 7, "fields": ODD}
    cli_deliveries.show_rejects(Rejects([row], [row], [sample]))
    assert screen.export_text().count(ODD) == 5


def test_the_reason_of_a_replayed_day_with_brackets_is_shown(screen: Console) -> None:
    cli_deliveries.show_replayed([Replayed(DAY, ("held", 0, 1), ("held", 0, 1), ODD)])
    assert ODD in screen.export_text()


def test_a_status_with_brackets_is_shown(screen: Console) -> None:
    table = TableStatus(
        days=1, files=1, rows_read=1, rows_accepted=0, rows_quarantined=1, held={DAY: ODD},
        warnings={DAY: ODD},
    )  # fmt: skip
    model = ModelStatus(
        champion=None, champion_since=None, trial=None, versions=0, trainings=0, decisions=[],
        promotions=[], alarms=[AlarmStatus(as_of=DAY, name=ODD, reason=ODD)],
        features=Move(table=ODD, version=ODD, made_by={}, live={}, stands=ODD),
    )  # fmt: skip
    found = Status(
        tables={ODD: table},
        features={"f": FeatureStatus(days=1, left_out={DAY: ODD})},
        models={ODD: model},
        alerts=[AlertStatus(day=DAY, kind="held", subject=ODD, message=ODD)],
    )
    show_status(screen, found)
    assert screen.export_text().count(ODD) == 12
