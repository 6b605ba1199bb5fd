"""Files and contracts that are unlike the usual ones, on real Spark and a real lake."""

from datetime import date

import pytest

from ingestion.contract import pseudonyms

KEY = b"a key for tests"
FIRST, SECOND, THIRD = (date(2024, 3, n) for n in (1, 2, 3))


def test_a_file_without_a_declared_column_is_held_and_the_other_days_go_on(desk) -> None:
    desk.land(FIRST, f"1001,{FIRST} 09:00:00,1,ann,web", header="order,sold_at,quantity,x,channel")
    desk.land(SECOND, header="")
    desk.land_amounts(THIRD, 5.0)
    done = desk.take(FIRST, SECOND, THIRD)
    assert [d.landed.day for d in done.held] == [FIRST, SECOND]
    assert "no column for amount, customer" in str(done.held[0].held)
    assert desk.visible(THIRD) == [(THIRD, 5.0)]


@pytest.mark.parametrize("extra", ["", "CHANNEL", "_day", "a`b", "a.b"])
def test_an_unknown_column_is_ignored_whatever_its_name(desk, extra: str) -> None:
    header = f"order,sold_at,quantity,amount,customer,channel,{extra}"
    desk.land(FIRST, f"1001,{FIRST} 09:00:00,1,2.5,ann,web,x", header=header)
    assert desk.take(FIRST).held == ()
    assert desk.visible(FIRST) == [(FIRST, 2.5)]


def test_values_that_a_day_holds_twice_are_rejected_where_they_must_be_unique(
    desk, sales, declare
) -> None:
    plain = [c for c in sales().columns if c.name != "order"]
    desk.table = sales((declare("order", tests={"unique": {}}), *plain))
    for day in (FIRST, SECOND):
        orders = ("1001", "1001", "1002") if day == FIRST else ("1001", "1003", "")
        desk.land(day, *(f"{order},{day} 09:00:00,1,2.5,ann,web" for order in orders))
    desk.take(FIRST, SECOND)
    accepted = [(row["_day"], row["order"]) for row in desk.rows()]
    assert accepted == [(FIRST, "1002"), (SECOND, "1001"), (SECOND, "1003"), (SECOND, None)]
    assert [row["_reasons"] for row in desk.rows("quarantine.sales")] == [["order: unique"]] * 2


def test_whole_numbers_keep_every_digit_beside_missing_ones(desk, sales, declare) -> None:
    big = 2**53 + 1
    columns = (declare("number", "bigint"), declare("member", "integer", pii=True))
    desk.table = sales(columns, event_time=None)
    desk.land(FIRST, f"{big},17", ",", header="number,member")
    desk.land(SECOND, f"{big},17", header="number,member")
    desk.take(FIRST, SECOND)
    first, missing, second = desk.rows()
    assert (first["number"], second["number"]) == (big, big)
    assert first["member"] == second["member"] == pseudonyms(KEY)("17")
    assert (missing["number"], missing["member"]) == (None, None)


def test_a_landing_folder_may_have_any_name(desk, tmp_path) -> None:
    desk.landing = tmp_path / "nightly dumps, größe 100% [new]"
    desk.land_amounts(FIRST, 2.5)
    desk.take(FIRST)
    assert desk.visible(FIRST) == [(FIRST, 2.5)]


def test_a_repaired_contract_replays_the_landing_files(desk, sales) -> None:
    desk.land(FIRST, f"10010,{FIRST} 09:00:00,1,2.5,ann,web", f"1002,{FIRST} 09:00:00,1,1,ann,web")
    desk.take(FIRST)
    assert desk.visible(FIRST) == [(FIRST, 1.0)]
    columns = [c.model_copy(update={"tests": ()}) for c in sales().columns]
    desk.take(FIRST, table=sales(tuple(columns), checksum="v2"))
    assert desk.visible(FIRST) == [(FIRST, 1.0), (FIRST, 2.5)]


def test_a_contract_may_gain_a_column_and_lose_one(desk, sales, declare) -> None:
    desk.land_amounts(FIRST, 1.0)
    desk.take(FIRST)
    kept = [c for c in sales().columns if c.name != "channel"]
    desk.land(
        SECOND,
        f"1001,{SECOND} 09:00:00,1,2.5,ann,late",
        header="order,sold_at,quantity,amount,customer,note",
    )
    desk.take(SECOND, table=sales((*kept, declare("note")), checksum="v2"))
    assert [(row["channel"], row["note"]) for row in desk.rows()] == [("web", None), (None, "late")]
