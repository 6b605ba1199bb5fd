"""Held days: repeated, withdrawn, released; on real Spark and a real lake."""

from datetime import date, timedelta
from pathlib import Path

import pytest

import ledger
from errors import DeliveryError
from ingestion import take_in as module
from ingestion.deliveries import held_deliveries
from ingestion.release import release

DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(12)]
FIRST, SECOND, THIRD = DAYS[:3]


def built(lake, table: str, day: date) -> None:
    """Let features of a day be there."""
    row = {"table_name": table, "day": day, "status": "passed"}
    lake.transact(lambda connection: ledger.insert(connection, "partitions", row))


def test_the_same_file_as_of_another_day_is_held_until_it_is_released(desk, sales, lake) -> None:
    desk.table = sales(event_time=None)
    lines = ["1001,2024-01-01 09:00:00,1,2.5,ann,web"]
    desk.land(FIRST, *lines)
    desk.land(SECOND, *lines)
    [held] = desk.take(FIRST, SECOND).held
    assert (held.day, held.held) == (SECOND, "the same file as of 2024-03-01")
    assert desk.visible(THIRD) == [(FIRST, 2.5)]

    released, is_new = release(lake, "sales", SECOND, "two equal days, the shop says", {})
    assert (released.rows, released.known_from, is_new) == (1, SECOND, True)
    assert desk.visible(SECOND) == [(FIRST, 2.5), (SECOND, 2.5)]
    assert release(lake, "sales", SECOND, "again", {}) == (released, False)
    alerts = lake.rows("select kind, message from ledger.alerts where kind = 'release'")
    assert [alert["message"] for alert in alerts] == [
        "sales of 2024-03-02 is released: two equal days, the shop says "
        "(it was held: the same file as of 2024-03-01)"
    ]


def test_files_that_were_mixed_up_and_change_places_are_no_repeats(desk, sales) -> None:
    desk.table = sales(event_time=None)
    desk.land(FIRST, "1001,2024-01-01 09:00:00,1,1.0,ann,web")
    desk.land(SECOND, "1001,2024-01-01 09:00:00,1,2.0,ann,web")
    desk.take(FIRST, SECOND)
    desk.land(FIRST, "1001,2024-01-01 09:00:00,1,2.0,ann,web")
    desk.land(SECOND, "1001,2024-01-01 09:00:00,1,1.0,ann,web")
    assert desk.take(FIRST, SECOND).held == ()
    assert desk.visible(SECOND) == [(FIRST, 2.0), (SECOND, 1.0)]


def test_a_withdrawn_file_is_held_and_its_release_empties_the_day_from_then_on(desk, lake) -> None:
    path = desk.land_amounts(FIRST, 1.0)
    desk.land_amounts(SECOND, 5.0)
    desk.take(FIRST, SECOND)
    built(lake, "customer_features", SECOND)
    path.unlink()
    [held] = desk.take(FIRST).held
    assert held.held == "the file is gone, 1 rows of it are published"
    assert desk.visible(THIRD) == [(FIRST, 1.0), (SECOND, 5.0)]

    released, _ = release(lake, "sales", FIRST, "the shop was closed: a test order", {})
    assert released.known_from == THIRD
    assert desk.visible(SECOND) == [(FIRST, 1.0), (SECOND, 5.0)]
    assert desk.visible(THIRD) == [(SECOND, 5.0)]
    assert desk.take(FIRST).deliveries == ()


def test_a_held_day_that_loses_its_file_stays_held_until_a_person_decides(desk, lake) -> None:
    path = desk.land(FIRST, header="note")
    reason = str(desk.take(FIRST).held[0].held)
    path.unlink()
    for table in (desk.table, desk.table.model_copy(update={"checksum": "v2"})):
        [held] = desk.take(FIRST, table=table).held
        assert held.held == f"the file is gone, its delivery was held: {reason}"
        assert held_deliveries(lake, "sales") == {FIRST: held.held}
        assert desk.take(FIRST, table=table).unchanged == 1
    release(lake, "sales", FIRST, "the shop was closed", {})
    assert held_deliveries(lake, "sales") == {}
    assert desk.visible(THIRD) == []


def test_what_cannot_be_released_is_refused_with_what_is_held(desk, lake) -> None:
    desk.land(FIRST, header="")
    desk.land_amounts(SECOND, 5.0)
    desk.take(FIRST, SECOND)
    for day, why, message in [
        (FIRST, "it is fine", r"No row of .*csv is taken in.*repair the file"),
        (SECOND, "it is fine", "its newest delivery is published.*\n  2024-03-01: "),
        (THIRD, "it is fine", "it has no delivery.*\n  2024-03-01: "),
        (FIRST, " ", "--why is empty"),
    ]:
        with pytest.raises(DeliveryError, match=message):
            release(lake, "sales", day, why, {})
    with pytest.raises(DeliveryError, match="visits holds no day at all"):
        release(lake, "visits", FIRST, "it is fine", {})


def test_a_file_that_spark_read_short_cannot_be_released_and_is_read_again(
    desk, lake, monkeypatch
) -> None:
    def cut(*arguments):
        landed = land(*arguments)
        if landed.staged:
            staged = Path(landed.staged)
            staged.write_text("".join(staged.read_text().splitlines(keepends=True)[:4]))
        return landed

    land = module.land
    desk.land_amounts(FIRST, 1.0, 2.0, 3.0, 4.0, 5.0)
    monkeypatch.setattr(module, "land", cut)
    [held] = desk.take(FIRST).held
    assert held.held == "Spark read 3 of the file's 5 rows"
    assert (held.read, desk.rows()) == (0, [])
    assert desk.take(FIRST).deliveries == ()
    with pytest.raises(DeliveryError, match=r"Spark read 3 .*No row of .* is taken in"):
        release(lake, "sales", FIRST, "it is fine", {})
    monkeypatch.undo()
    assert desk.take(FIRST).held == ()
    assert desk.visible(FIRST) == [(FIRST, float(n)) for n in range(1, 6)]


def test_a_level_that_was_released_twice_is_published_and_a_wild_one_still_held(desk, lake) -> None:
    *usual, one, two, three, wild = DAYS[:12]
    for day in usual:
        desk.land_amounts(day, 2.0, 3.0, 4.0 + day.day / 100)
    for day in (one, two, three):
        desk.land_amounts(day, 200.0, 300.0, 400.0 + day.day)
    desk.land_amounts(wild, 2e4, 3e4, 4e4)
    assert [d.day for d in desk.take(*usual, one, two).held] == [one, two]
    for day in (one, two):
        release(lake, "sales", day, "prices are in pence from now on", {})
    assert [d.day for d in desk.take(three, wild).held] == [wild]
    assert list(held_deliveries(lake, "sales")) == [wild]
