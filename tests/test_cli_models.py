"""`leeway ledger`, `reproduce`, `rollback`, `accept`, `taint` as typed, on a home of their own."""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

import ledger
from cli import app
from errors import LeewayError, NoEvidenceError, RollbackError, SetupError
from lifecycle import champions
from lifecycle.store import keep
from ml.errors import ReplayError
from resources.settings import settings
from state import opened

MODEL, DAY = "repeat_purchase", date(2024, 5, 1)
REPLAY = ["replay", MODEL, "--from", "2024-05-01", "--to", "2024-05-09"]


def say(*arguments: str) -> str:
    """What a command prints, in one line."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home whose model has had two champions and decisions, without their files in MLflow."""
    before = dict(os.environ)
    os.environ |= {"LEEWAY_HOME": str(tmp_path_factory.mktemp("home")), "COLUMNS": "200"}
    settings.cache_clear()
    lake, _ = opened()
    for version, day in ((2, DAY), (4, DAY + timedelta(days=9))):
        row = {"kind": "retrain", "lane": "normal", "reasons": '["too warm"]', "evidence": "{}"}
        ledger.put(lake, "decisions", {"model": MODEL, "as_of": day}, row)
        ledger.put(lake, "versions", {"model": MODEL, "version": version}, {"as_of": day})
        verdict = {
            "version": version, "promoted": True, "reasons": ["better by [2 %]"], "lane": "normal",
            "evidence": '{"checks": []}',
        }  # fmt: skip
        rival = champions.rival_of(lake, MODEL, day)
        champions.keep_verdict(lake, {"model": MODEL, "as_of": day}, verdict, rival)
    yield
    settings.cache_clear()
    os.environ.clear()
    os.environ.update(before)


def test_the_history_is_told_newest_last_and_as_json(decided: None) -> None:
    told = say("ledger", MODEL)
    assert told.index("2024-05-01") < told.index("2024-05-10")
    assert "better by [2 %]" in told
    events = json.loads(say("ledger", MODEL, "--json"))
    assert [event["what"] for event in events] == ["decision", "gate", "champion"] * 2
    assert events[-1]["version"] == 4


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["ledger", "repeat_purchas"], SetupError, "did you mean 'repeat_purchase'"),
        (["ledger", MODEL, "--at", "2024-05-01"], NoEvidenceError, "first is live from 2024-05-02"),
        (["rollback", "nobody", "--why", "x"], SetupError, "there is no model 'nobody'"),
        (["rollback", MODEL, "--why", " "], RollbackError, "--why is empty"),
        (["rollback", MODEL, "--why", "x", "--to", "9"], RollbackError, "live before: 2"),
        (["rollback", MODEL, "--why", "x"], RollbackError, "version 2 cannot be loaded"),
        (["accept", MODEL, "2024-05-01", "--why", "x"], NoEvidenceError, "is not broken"),
        (
            ["accept", MODEL, "2024-05-01", "--onwards", "--why", "x"],
            NoEvidenceError,
            "never watch",
        ),
        (["reproduce", "nobody", "1"], SetupError, "there is no model 'nobody'"),
        (["reproduce", MODEL, "9"], NoEvidenceError, "has no version 9: choose from 2, 4"),
        (["reproduce", MODEL, "2"], NoEvidenceError, "version 2 cannot be read from MLflow"),
        (["taint", "order_line", "2024-05-01"], SetupError, "did you mean 'order_lines'"),
        ([*REPLAY, "--policy", "hourly"], ReplayError, "'hourly' is not known: use adaptive"),
        ([*REPLAY, "--policy", "never,never"], ReplayError, "named twice"),
        ([*REPLAY, "--to", "2024-04-30"], ReplayError, "2024-04-30 is before the first"),
        ([*REPLAY, "--estimator", "forest"], SetupError, "use one of 'small', 'tabular'"),
        ([*REPLAY, "--estimator", "no_nets:one"], SetupError, "no_nets cannot be imported"),
        ([*REPLAY, "--html", "no/such/folder/page.html"], SetupError, "cannot be written"),
        (REPLAY, NoEvidenceError, "has passed its tests"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_says_why(
    decided: None, arguments: list[str], error: type[LeewayError | ReplayError], words: str
) -> None:
    with pytest.raises(error, match=words):
        say(*arguments)
    live, _ = opened()
    assert ledger.champion_on(live, MODEL, date.max) == 4


def test_days_that_nothing_has_used_ask_for_their_repair_only(decided: None) -> None:
    lake, _ = opened()
    lake.transact(lambda connection: connection.execute("delete from ledger.versions"))
    told = say("taint", "order_lines", "2024-05-01", "2024-05-02")
    assert "what has used order_lines 2024-05-01..2024-05-02" in told
    assert "materialize raw/order_lines 2024-05-01..2024-05-02" in told
    plan = json.loads(say("taint", "order_lines", "2024-05-02", "--json"))["plan"]
    assert [step["asset"] for step in plan] == ["raw/order_lines"]


def test_a_lasting_change_is_accepted_by_what_was_found(decided: None) -> None:
    lake, declaration = opened()
    [model] = declaration.models
    day = DAY + timedelta(days=10)
    found = {"name": "unseen categories", "column": "country", "day": str(day)}
    keep(lake, model, "drift", day, {"version": 4, "findings": [found]})
    told = say("accept", MODEL, str(day), "--onwards", "--why", "we sell to Austria")
    assert f"unseen categories of country accepted since {day}: we sell to Austria" in told
    assert "until a newer champion than version 4" in told
    [row] = lake.rows("select * from ledger.acceptances")
    assert (row["since"], row["column_name"], row["version"]) == (day, "country", 4)
    [event] = [e for e in json.loads(say("ledger", MODEL, "--json")) if e["what"] == "accepted"]
    assert (event["as_of"], event["version"]) == (str(day), 4)
    assert event["outcome"] == "unseen categories of country onwards"
    assert event["why"] == ["we sell to Austria"]
