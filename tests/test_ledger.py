from datetime import date, timedelta

import ledger
from lifecycle import champions

MODEL, DAY = "repeat_purchase", date(2024, 5, 1)


def promote(lake, day: date, version: int, promoted: bool = True) -> None:
    row = {
        "version": version, "candidate": version, "promoted": promoted, "lane": "normal",
        "reasons": ["better"], "evidence": '{"checks": [{"name": "rows", "passed": true}]}',
    }  # fmt: skip
    rival = champions.rival_of(lake, MODEL, day)
    champions.keep_verdict(lake, {"model": MODEL, "as_of": day}, row, rival)


def test_a_champion_is_live_from_the_day_after_its_promotion(lake) -> None:
    promote(lake, DAY, 2)
    assert ledger.champion_on(lake, MODEL, DAY) is None
    assert ledger.champion_on(lake, MODEL, DAY + timedelta(days=1)) == 2
    assert ledger.champion_on(lake, "another", DAY + timedelta(days=1)) is None


def test_every_day_keeps_its_own_champion_and_a_rejection_changes_none(lake) -> None:
    promote(lake, DAY, 2)
    promote(lake, DAY + timedelta(days=7), 3, promoted=False)
    promote(lake, DAY + timedelta(days=14), 5)
    days = [DAY + timedelta(days=n) for n in (1, 8, 14, 15)]
    assert [ledger.champion_on(lake, MODEL, day) for day in days] == [2, 2, 2, 5]
    reigns = ledger.reigns_on(lake, MODEL, [DAY, *days])
    assert {day: reign["version"] for day, reign in reigns.items()} == dict(
        zip(days, (2, 2, 2, 5), strict=True)
    )


def test_a_verdict_has_its_reasons_and_checks(lake) -> None:
    assert ledger.verdict_on(lake, MODEL, DAY) is None
    promote(lake, DAY, 2)
    found = ledger.verdict_on(lake, MODEL, DAY)
    assert found["reasons"] == ["better"]
    assert found["checks"] == [{"name": "rows", "passed": True}]


def test_a_row_that_is_put_twice_is_there_once(lake) -> None:
    for kind in ("wait", "none"):
        row = {"kind": kind, "lane": "normal", "reasons": "[]", "evidence": "{}"}
        ledger.put(lake, "decisions", {"model": MODEL, "as_of": DAY}, row)
    assert [row["kind"] for row in lake.rows("select kind from ledger.decisions")] == ["none"]


def test_the_frontier_is_the_newest_decision_whenever_it_was_written(lake) -> None:
    assert ledger.frontier(lake, MODEL) is None
    for day in (DAY, DAY - timedelta(days=7)):
        row = {"kind": "none", "lane": "normal", "reasons": "[]", "evidence": "{}"}
        ledger.put(lake, "decisions", {"model": MODEL, "as_of": day}, row)
    assert ledger.frontier(lake, MODEL)["as_of"] == DAY
    assert ledger.decision_on(lake, MODEL, DAY - timedelta(days=7))["kind"] == "none"


def build(lake, table: str, checksum: str) -> None:
    key = {"table_name": table, "day": DAY}
    ledger.put(lake, "partitions", key, {"rows": 1, "checksum": checksum, "status": "passed"})


def test_a_day_is_built_when_all_its_tables_are(lake) -> None:
    build(lake, "f", "made by f")
    assert ledger.days_built(lake, {"f": "made by f", "l": "made by l"}) == []
    build(lake, "l", "made by l")
    assert ledger.days_built(lake, {"f": "made by f", "l": "made by l"}) == [DAY]


def test_a_day_that_an_older_model_made_is_not_built(lake) -> None:
    build(lake, "f", "made by f")
    assert ledger.days_built(lake, {"f": "made by a changed f"}) == []


def test_a_day_that_is_held_again_is_told_again_and_any_other_cause_once(lake) -> None:
    def tell(kind: str, message: str) -> list[str]:
        lake.transact(lambda c: ledger.alert(c, date(2024, 3, 5), kind, "order_lines", message))
        lake.transact(lambda c: c.execute("update ledger.alerts set sent_at = written_at"))
        found = lake.rows("select message from ledger.alerts where kind = ?", [kind])
        return [row["message"] for row in found]

    assert tell("held", "torn") == ["torn"]
    assert tell("held", "reject rate") == ["reject rate"]
    assert tell("run_failed", "run 1") == tell("run_failed", "run 2") == ["run 1"]


def test_an_alert_that_was_told_and_comes_back_waits_to_be_sent(lake) -> None:
    for message in ("torn", "torn", "reject rate"):
        lake.transact(lambda c: c.execute("update ledger.alerts set sent_at = written_at"))
        lake.transact(
            lambda c, said=message: ledger.alert(c, date(2024, 3, 5), "held", "order_lines", said)
        )
    found = lake.rows("select message from ledger.alerts where sent_at is null")
    assert [row["message"] for row in found] == ["reject rate"]
