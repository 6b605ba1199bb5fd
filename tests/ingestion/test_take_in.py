"""Files to deliveries on real Spark and a real lake; a pass costs a second, so tests tell more."""

import csv
import gzip
import json
import os
from datetime import date, datetime, timedelta

import pytest

import ledger
from declared import declared
from errors import DeliveryError
from ingestion import take_in as module
from ingestion.contract import UNSPLITTABLE, pseudonyms
from ingestion.deliveries import warned_deliveries
from replay import waiting

KEY = b"a key for tests"
DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(12)]
FIRST, SECOND, THIRD = DAYS[:3]


def test_every_line_of_a_file_is_accepted_or_quarantined_with_all_its_reasons(desk) -> None:
    good = f"{FIRST} 09:00:00"
    desk.land(
        FIRST,
        f"1001,{good},1,2.50,ann,web",
        f'1002,{good},1,2.50,"o\'neill, ""tim""\nof cork",shop',
        f"1003,{good},many,2.50,bob,web",
        "1004,yesterday,1,2.50,bob,web",
        f"1005,{SECOND} 09:00:00,1,2.50,bob,web",
        f"1006,{good},1",
        f"1007,{good},1,2.50,bob,web,more,and more",
        f"x,{good},99,free,,fax",
        f"1009,{good},,2.50,ann,",
    )
    done = desk.take(FIRST)
    [delivery] = done.deliveries
    assert (delivery.read, delivery.accepted, delivery.quarantined) == (9, 3, 6)
    assert [(row["order"], row["_line"]) for row in desk.rows()] == [
        ("1001", 1),
        ("1002", 2),
        ("1009", 9),
    ]
    reasons = {row["_line"]: sorted(row["_reasons"]) for row in desk.rows("quarantine.sales")}
    assert reasons == {
        3: ["quantity: not integer"],
        4: ["sold_at: not timestamp"],
        5: ["sold_at: of another day"],
        6: [UNSPLITTABLE],
        7: [UNSPLITTABLE],
        8: [
            "amount: not decimal(18,4)",
            "channel: accepted_values",
            "customer: not_null",
            "order: matches",
            "quantity: in_range",
        ],
    }


def test_a_personal_value_is_nowhere_in_the_lake_and_one_value_has_one_pseudonym(desk) -> None:
    desk.land(
        FIRST,
        f"1001,{FIRST} 09:00:00,1,2.50,Ann Smith,web",
        f"1002,{FIRST} 09:00:00,1,2.50,Ann Smith,fax",
        f"1003,{FIRST} 09:00:00,Ann Smith,2.50",
    )
    desk.take(FIRST)
    [raw], rejected = desk.rows(), desk.rows("quarantine.sales")
    fields = json.loads(rejected[0]["_fields"])
    assert raw["customer"] == fields["customer"] == pseudonyms(KEY)("Ann Smith")
    assert fields["channel"] == "fax"
    assert rejected[1]["_fields"] is None
    assert len(rejected[1]["_line_hash"]) == 64
    assert "Smith" not in str([raw, rejected])
    files = list((desk.landing.parent / "lake" / "data").rglob("*.parquet"))
    assert files
    assert not [file for file in files if b"Smith" in file.read_bytes()]


def test_a_personal_value_that_is_no_number_is_in_the_quarantine_as_a_pseudonym(
    desk, sales, declare
) -> None:
    customer = declare("customer", "integer", pii=True)
    desk.table = sales(tuple(customer if c.name == "customer" else c for c in sales().columns))
    good = f"{FIRST} 09:00:00,1,2.50"
    desk.land(FIRST, f"1001,{good},Ann Smith,web", f"1002,{good},007,fax", f"1003,{good},7,web")
    desk.take(FIRST)
    names = [json.loads(row["_fields"])["customer"] for row in desk.rows("quarantine.sales")]
    assert names == [pseudonyms(KEY)("Ann Smith"), pseudonyms(KEY)(7)]
    assert desk.rows()[0]["customer"] == names[1]


def test_days_with_renamed_headers_other_orders_and_no_file_are_one_pass(desk) -> None:
    desk.land(FIRST, f"1001,{FIRST} 09:00:00,1,2.50,ann,web")
    header = "channel,Customer ID,note,Price,quantity,When,order"
    desk.land(SECOND, f"shop,ann,hello,3.5,2,{SECOND} 10:00:00,1002", header=header)
    done = desk.take(FIRST, SECOND, THIRD)
    first, second = desk.rows()
    assert [(d.landed.day, d.read, d.accepted) for d in done.deliveries] == [
        (FIRST, 1, 1),
        (SECOND, 1, 1),
        (THIRD, 0, 0),
    ]
    assert (str(second["amount"]), second["quantity"]) == ("3.5000", 2)
    assert (second["channel"], second["order"]) == ("shop", "1002")
    assert first["customer"] == second["customer"]


def test_the_same_file_is_counted_once_and_costs_no_session(desk, lake) -> None:
    desk.land_amounts(FIRST, 1.0, 2.0)
    desk.take(FIRST)
    snapshot = lake.snapshot()

    def no_session():
        raise AssertionError("a session was asked for")

    desk.session = no_session
    again = desk.take(FIRST)
    assert (again.deliveries, again.unchanged) == ((), 1)
    assert lake.snapshot() == snapshot
    assert desk.visible(FIRST) == [(FIRST, 1.0), (FIRST, 2.0)]


def test_the_time_of_a_file_that_was_only_touched_is_kept_with_its_delivery(desk) -> None:
    path = desk.land_amounts(FIRST, 1.0)
    desk.take(FIRST)
    [first] = desk.ledger()
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert desk.take(FIRST).unchanged == 1
    [touched] = desk.ledger()
    assert touched == first | {"file_written": datetime(2001, 9, 9, 1, 46, 40)}


def test_a_changed_file_becomes_a_new_delivery_known_from_the_frontier_on(desk) -> None:
    desk.land_amounts(FIRST, 1.0)
    desk.land_amounts(SECOND, 5.0)
    desk.take(FIRST, SECOND)
    desk.land_amounts(FIRST, 1.0, 2.0)
    desk.take(FIRST)
    old, _, new = desk.ledger()
    assert (old["status"], old["known_from"], old["known_to"]) == ("superseded", FIRST, SECOND)
    assert (new["status"], new["known_from"], new["known_to"]) == ("published", SECOND, None)
    assert desk.visible(FIRST) == [(FIRST, 1.0)]
    assert desk.visible(SECOND) == [(FIRST, 1.0), (FIRST, 2.0), (SECOND, 5.0)]


def test_a_file_that_goes_back_to_what_it_was_is_not_read_again_and_counts_once(desk) -> None:
    desk.land_amounts(FIRST, 1.0)
    desk.take(FIRST)
    desk.land_amounts(FIRST, 2.0)
    desk.take(FIRST)
    desk.land_amounts(FIRST, 1.0)
    desk.take(FIRST, SECOND)
    statuses = [row["status"] for row in desk.ledger() if row["day"] == FIRST]
    assert statuses == ["superseded", "superseded", "published"]
    assert desk.visible(THIRD) == [(FIRST, 1.0)]
    assert len(desk.rows()) == 2


def test_a_day_in_another_unit_is_held_unseen_and_said_once_until_it_is_repaired(
    desk, lake
) -> None:
    *usual, today = DAYS[:9]
    for day in usual:
        desk.land_amounts(day, 2.0, 3.0, 4.0)
    desk.take(*usual)
    desk.land_amounts(today, 200.0, 300.0, 400.0)
    [held] = desk.take(today).held
    desk.take(today)
    [alert] = lake.rows("select day, kind, subject, message from ledger.alerts")
    assert held.held == "amount: its median is 300, more than 5 times off the 3 of recent days"
    assert (alert["day"], alert["kind"], alert["subject"]) == (today, "held", "sales")
    assert "amount: its median is 300" in alert["message"]
    assert not [day for day, _ in desk.visible(DAYS[11]) if day == today]

    desk.land_amounts(today, 2.0, 3.0)
    assert desk.take(today).held == ()
    assert [amount for day, amount in desk.visible(today) if day == today] == [2.0, 3.0]


def test_a_day_that_was_computed_is_the_same_after_its_past_has_changed(desk, lake) -> None:
    desk.land_amounts(FIRST, 1.0)
    desk.land_amounts(SECOND, 5.0)
    desk.take(FIRST, SECOND)
    as_built = [desk.visible(day) for day in (FIRST, SECOND)]
    row = {"table_name": "customer_features", "day": SECOND}
    lake.transact(lambda connection: ledger.insert(connection, "partitions", row))
    for amounts in ((2.0, 3.0), (4.0,), (1.0,)):
        desk.land_amounts(FIRST, *amounts)
        desk.take(FIRST)
        assert [desk.visible(day) for day in (FIRST, SECOND)] == as_built
        assert desk.visible(THIRD) == [(FIRST, a) for a in amounts] + [(SECOND, 5.0)]
    assert len(desk.rows()) == 5


def test_a_day_that_fails_does_not_keep_the_others_of_its_range_out(desk, sales) -> None:
    desk.table = sales(on_missing="fail")
    desk.land_amounts(FIRST, 1.0)
    desk.land_amounts(DAYS[3], 4.0)
    with pytest.raises(DeliveryError) as failed:
        desk.take(*DAYS[:4])
    assert [str(day) in str(failed.value) for day in DAYS[:4]] == [False, True, True, False]
    assert desk.visible(DAYS[3]) == [(FIRST, 1.0), (DAYS[3], 4.0)]

    desk.land_amounts(SECOND, 2.0)
    desk.land_amounts(THIRD, 3.0)
    desk.take(*DAYS[:4])
    assert desk.visible(SECOND) == [(FIRST, 1.0), (SECOND, 2.0)]


def test_a_long_range_is_read_in_passes_and_a_day_that_fails_stops_none(
    desk, sales, monkeypatch
) -> None:
    """Spark's heap holds some megabytes of every file that a pass reads."""
    passes, read = [], module._read

    def counted(loader, files, folder):
        passes.append([file.day for file in files])
        return read(loader, files, folder)

    monkeypatch.setattr(module, "FILES", 2)
    monkeypatch.setattr(module, "_read", counted)
    desk.table = sales(on_missing="fail")
    landed = [FIRST, THIRD, DAYS[4]]
    for day in landed:
        desk.land_amounts(day, 1.0)
    with pytest.raises(DeliveryError) as failed:
        desk.take(*DAYS[:5])
    assert [str(day) in str(failed.value) for day in DAYS[:5]] == [False, True, False, True, False]
    assert passes == [[day] for day in landed]
    assert desk.visible(DAYS[4]) == [(day, 1.0) for day in landed]

    for day in (SECOND, DAYS[3]):
        desk.land_amounts(day, 1.0, 2.0)
    done = desk.take(*DAYS[:5])
    assert [d.landed.day for d in done.deliveries] == [SECOND, DAYS[3]]
    assert done.unchanged == 3


def test_a_held_file_is_read_once_its_records_may_be_long_enough(desk, sales, lake) -> None:
    desk.land_amounts(FIRST, 2.5)
    short = sales(max_line_bytes=40)
    assert "max_line_bytes (40)" in str(desk.take(FIRST, table=short).held[0].held)
    assert waiting(lake, short, None) == (1, [FIRST])
    snapshot = lake.snapshot()
    again = desk.take(FIRST, table=short)
    assert (again.deliveries, again.unchanged, lake.snapshot()) == ((), 1, snapshot)
    assert "max_line_bytes (41)" in str(
        desk.take(FIRST, table=sales(max_line_bytes=41)).held[0].held
    )
    assert desk.take(FIRST).held == ()
    assert desk.visible(FIRST) == [(FIRST, 2.5)]
    assert [row["status"] for row in desk.ledger()] == ["held", "held", "published"]
    assert waiting(lake, desk.table, None) == (0, [])


def test_a_file_that_two_runs_take_in_at_once_is_published_once(desk, monkeypatch) -> None:
    desk.land_amounts(FIRST, 2.5)
    read = module.audited

    def overtaken(*arguments):
        monkeypatch.undo()
        desk.take(FIRST)
        return read(*arguments)

    monkeypatch.setattr(module, "audited", overtaken)
    with pytest.raises(DeliveryError, match="another run has taken in a delivery"):
        desk.take(FIRST)
    assert desk.visible(FIRST) == [(FIRST, 2.5)]
    assert desk.take(FIRST).unchanged == 1


def test_a_halved_change_is_a_warning_that_the_ledger_keeps(desk, lake) -> None:
    desk.land_amounts(FIRST, 1.0, 2.0, 3.0, 4.0)
    desk.take(FIRST)
    desk.land_amounts(FIRST, 1.0, 2.0)
    done = desk.take(FIRST)
    told = "2 rows, the delivery that it replaces had 4"
    assert (done.held, done.deliveries[0].warnings) == ((), (told,))
    assert warned_deliveries(lake, "sales", [FIRST]) == {FIRST: told}


def test_a_held_change_leaves_the_published_delivery_in_force(desk, sales) -> None:
    desk.table = sales(max_reject_rate=0.4)
    desk.land_amounts(FIRST, 1.0, 2.0)
    desk.take(FIRST)
    desk.land(FIRST, f"1001,{FIRST} 09:00:00,1,free,ann,web", f"1002,{FIRST} 09:00:00,1,9,ann,web")
    [held] = desk.take(FIRST).held
    assert held.held == "reject rate 50.0% is above max_reject_rate 40.0%"
    assert (held.read, held.accepted, held.quarantined) == (2, 1, 1)
    assert desk.visible(SECOND) == [(FIRST, 1.0), (FIRST, 2.0)]


def test_what_is_not_committed_is_not_there_and_the_next_try_starts_afresh(
    desk, lake, monkeypatch
) -> None:
    desk.land_amounts(FIRST, 2.5)

    def broken(connection, *arguments):
        publish(connection, *arguments)
        raise ConnectionError("the process ends here")

    publish = module.publish
    monkeypatch.setattr(module, "publish", broken)
    with pytest.raises(ConnectionError):
        desk.take(FIRST)
    assert desk.ledger() == []
    assert lake.rows("select table_name from duckdb_tables() where table_name = 'sales'") == []
    monkeypatch.undo()
    desk.take(FIRST)
    assert desk.visible(FIRST) == [(FIRST, 2.5)]
    assert len(desk.rows()) == 1


def test_a_simulated_shop_loses_no_line(lake, spark, small_shop, parsed, tmp_path) -> None:
    [table] = declared(parsed).tables
    files = sorted(small_shop.summary.dumps.glob("*.csv.gz"))
    last = small_shop.summary.last
    days = [last - timedelta(days=n) for n in reversed(range(30))]
    landing, staging = str(small_shop.landing), tmp_path / "staging"
    loader = module.Loader(lake, lambda: spark, table, landing, KEY, staging)
    done = module.take_in(loader, days)
    lines = {}
    for file in files:
        with gzip.open(file, "rt", newline="") as text:
            lines[file.name[:10]] = sum(1 for _ in csv.reader(text)) - 1
    read = {str(d.landed.day): d.read for d in done.deliveries if d.landed.file}
    stored = lake.rows("select count(*) as n from raw.order_lines")[0]["n"]
    rejected = lake.rows("select count(*) as n from quarantine.order_lines")[0]["n"]
    assert read == lines
    assert sum(lines.values()) == small_shop.summary.lines == stored + rejected
    assert stored == sum(d.accepted for d in done.deliveries)
    assert done.held == ()
