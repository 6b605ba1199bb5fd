"""Every kind of bad file: what becomes of it, and that the repaired file is taken in afterwards.

Cases are days of one table, so that one Spark pass tells about all of them.
"""

import gzip
import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from errors import DeliveryError
from ingestion import staging
from ingestion.contract import UNSPLITTABLE
from resources.lake import quoted

FIRST, SECOND = date(2024, 3, 1), date(2024, 3, 2)
HEADER = "order,sold_at,quantity,amount,customer,channel"
DAY = "2024-03-01"  # stands for the case's own day


def line(
    order: int, quantity: object = 1, amount: object = 2.5, at: object = f"{DAY} 09:00"
) -> str:
    return f"{order},{at},{quantity},{amount},ann,web"


def lines(name: str, *values: object) -> list[str]:
    return [line(1100 + n, **{name: value}) for n, value in enumerate(values)]


def text(*records: str, header: str = HEADER) -> bytes:
    return "".join(f"{one}\n" for one in (header, *records)).encode()


GOOD = text(line(1001))

HELD = {
    "empty file": (b"", "schema: the first line is empty"),
    "blank lines only": (b"\r\n\r\n", "schema: the first line is empty"),
    "missing column": (
        text(f"1001,{DAY},1,ann,web", header="order,sold_at,quantity,customer,channel"),
        "schema: no column for amount; the header has order, sold_at, quantity, customer, channel",
    ),
    "renamed column": (
        text(line(1001), header=HEADER.replace("amount", "value")),
        "schema: no column for amount; the header has order, sold_at, quantity, customer, channel "
        "and 1 unknown name",
    ),
    "duplicate header": (
        text(f"{line(1001)},3", header=f"{HEADER},Price"),
        "schema: repeated column amount",
    ),
    "no header": (
        text(line(1002), header=line(1001)),
        "schema: no header: none of the 6 names in the first line is known",
    ),
    "another separator": (
        text(line(1001).replace(",", ";"), header=HEADER.replace(",", ";")),
        "schema: no header: none of the 1 names",
    ),
    "carriage returns": (GOOD.replace(b"\n", b"\r"), "schema: no column for channel"),
    "not UTF-8": (text(line(1001), "Größe").decode().encode("latin-1"), "line 3 is not UTF-8"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "a NUL byte in line 1"),
    "NUL byte": (text(line(1001), line(1002), "\0"), "a NUL byte in line 4"),
    "open quote": (text(line(1001), '1002,"2024', line(1003)), "the quote that opens in line 3"),
    "stray quotes": (
        text(line(1001), f'1002,{DAY},1,2.5,"ann,web', line(1003), f'1004,{DAY},1,2.5,"ann,web'),
        "the quote that opens in line 3 does not close",
    ),
    "long line": (text(line(1001), "x" * ((1 << 20) + 1)), "line 3 makes a record longer"),
    "all rejected": (text(line(1001, "many"), line(1002)), "reject rate 50.0% is above"),
}

TAKEN = {
    "header only": (text(), 0, []),
    "header without end of line": (HEADER.encode(), 0, []),
    "extra column": (text(f"{line(1001)},x", header=f"{HEADER},note"), 1, []),
    "reordered columns": (
        text(f"web,ann,2.5,1,{DAY},1001", header="channel,customer,amount,quantity,sold_at,order"),
        1,
        [],
    ),
    "byte order mark and CR LF": (b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"), 1, []),
    "line ends of two kinds": (
        text(line(1001) + "\r", line(1002), "\r", f'1003,{DAY},1,2.5,ann,"web"\r', ""),
        3,
        [],
    ),
    "blank lines": (text("", line(1001), "", "", line(1002), "", ""), 2, []),
    "wrong number of fields": (
        text(line(1001), "1002,2024", f"{line(1003)},more", "   ", line(1004)),
        2,
        [UNSPLITTABLE] * 3,
    ),
    "very many fields": (text(line(1001), "," * 50_000), 1, [UNSPLITTABLE]),
    "quotes and line ends in fields": (
        text(f'1001,{DAY},1,2.5,"o\'neill, ""tim""\r\n\nof cork",web', line(1002)),
        2,
        [],
    ),
    "quotes in the middle": (text(f'1001,{DAY},1,2.5,6" tim,web', line(1002)), 2, []),
    "numbers that are none": (
        text(*lines("amount", "NaN", "Infinity", "1e400", "2.50001")),
        0,
        ["amount: not decimal(18,4)"] * 4,
    ),
    "numbers that overflow": (
        text(line(1001, 2**31), line(1002, amount=10**14)),
        0,
        ["quantity: not integer", "amount: not decimal(18,4)"],
    ),
    "dates that are none": (
        text(*lines("at", "2024-02-30", "2024", "45352", "soon")),
        0,
        ["sold_at: not timestamp"] * 4,
    ),
    "rows of another day": (
        text(line(1001), *lines("at", "9999-12-31", "0001-01-01", "")),
        1,
        ["sold_at: of another day", "sold_at: of another day", "sold_at: not_null"],
    ),
    "SQL in values": (
        text(line(1001), f"1002,{DAY},1,2.5,'; drop table raw.sales; --,web", "' or '1'='1"),
        2,
        [UNSPLITTABLE],
    ),
}


def days_of(cases: dict) -> dict[str, date]:
    return {name: FIRST + timedelta(days=n) for n, name in enumerate(cases)}


def put(desk, day: date, content: bytes, ending: str = ".csv") -> Path:
    path = desk.landing / "sales" / f"{day}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.replace(DAY.encode(), str(day).encode()))
    return path


def test_a_file_that_cannot_be_trusted_is_held_until_it_is_repaired(desk, sales) -> None:
    desk.table = sales(max_reject_rate=0.4)
    days = days_of(HELD)
    for name, day in days.items():
        put(desk, day, HELD[name][0])
    held = {d.day: str(d.held) for d in desk.take(*days.values()).held}
    wrong = {
        name: held.get(day) for name, day in days.items() if HELD[name][1] not in held.get(day, "")
    }
    assert wrong == {}
    assert desk.visible(date(2025, 1, 1)) == []
    for number, day in enumerate(days.values()):
        put(desk, day, text(line(1001, amount=number)))
    assert desk.take(*days.values()).held == ()
    expected = [(day, float(number)) for number, day in enumerate(days.values())]
    assert desk.visible(date(2025, 1, 1)) == expected


def test_rows_that_cannot_be_read_are_rejected_and_the_others_are_not(desk) -> None:
    days = days_of(TAKEN)
    for name, day in days.items():
        put(desk, day, TAKEN[name][0])
    done = {d.day: d for d in desk.take(*days.values()).deliveries}
    reasons: dict[date, list[str]] = {day: [] for day in days.values()}
    for row in desk.rows("quarantine.sales"):
        reasons[row["_day"]] += row["_reasons"]
    found = {name: (done[d].accepted, reasons[d], done[d].held) for name, d in days.items()}
    assert found == {name: (rows, why, None) for name, (_, rows, why) in TAKEN.items()}
    assert all(d.read == d.landed.records == d.accepted + d.quarantined for d in done.values())
    for number, day in enumerate(days.values()):
        put(desk, day, text(line(2001, amount=number)))
    assert desk.take(*days.values()).held == ()
    expected = [(day, float(number)) for number, day in enumerate(days.values())]
    assert desk.visible(date(2025, 1, 1)) == expected


def test_a_torn_archive_is_held_until_it_is_repaired(desk, sales) -> None:
    desk.table = sales(path="{landing}/sales/{partition}.csv.gz")
    good = gzip.compress(
        text(*(line(1000 + n) for n in range(500))).replace(DAY.encode(), b"2024-03-01")
    )
    put(desk, FIRST, good[:-9], ".csv.gz")
    put(desk, SECOND, text(line(1001)), ".csv.gz")
    held = [str(d.held) for d in desk.take(FIRST, SECOND).held]
    assert "torn after line" in held[0]
    assert "Not a gzipped file" in held[1]
    put(desk, FIRST, good, ".csv.gz")
    assert desk.take(FIRST).held == ()
    assert len(desk.visible(SECOND)) == 500


def test_a_file_that_is_still_written_fails_its_day_only_and_is_taken_in_later(
    desk, monkeypatch
) -> None:
    growing = put(desk, FIRST, GOOD)
    put(desk, SECOND, GOOD)
    copy = staging._copy

    def copy_while_written(path: str, target: Path) -> str:
        found = copy(path, target)
        if path == str(growing):
            with growing.open("ab") as file:
                file.write(line(1002).encode() + b"\n")
        return found

    monkeypatch.setattr(staging, "_copy", copy_while_written)
    with pytest.raises(DeliveryError, match=f"{growing} is still being written"):
        desk.take(FIRST, SECOND)
    assert desk.visible(SECOND) == [(SECOND, 2.5)]
    monkeypatch.undo()
    desk.take(FIRST)
    assert len([day for day, _ in desk.visible(SECOND) if day == FIRST]) == 4


def test_a_missing_file_is_what_its_table_says(desk, sales) -> None:
    with pytest.raises(DeliveryError, match="sales 2024-03-01: no file"):
        desk.take(FIRST, table=sales(on_missing="fail"))
    assert [(d.read, d.held) for d in desk.take(FIRST).deliveries] == [(0, None)]
    put(desk, FIRST, GOOD)
    desk.take(FIRST, table=sales(on_missing="fail"))
    assert desk.visible(FIRST) == [(FIRST, 2.5)]


@pytest.mark.parametrize("name", ["nightly dumps, größe 100% #1 [new]", 'o\'neill "*?" {x}'])
def test_landing_and_home_may_have_any_name(desk, tmp_path, name: str) -> None:
    desk.landing = tmp_path / name / "landing"
    put(desk, FIRST, text(line(1001), "torn"))
    desk.staging = tmp_path / name / "staging"
    desk.take(FIRST)
    assert desk.visible(FIRST) == [(FIRST, 2.5)]
    assert desk.rows("quarantine.sales")[0]["_file"] == f"{desk.landing}/sales/{FIRST}.csv"


def test_names_are_never_read_as_sql(desk, sales, declare) -> None:
    name = 'sales"; drop table ledger.deliveries; --'
    columns = ('a"; drop table raw.sales; --', "b`.c", "d.e", "f' or '1'='1")
    made = sales(tuple(declare(column) for column in columns), event_time=None)
    desk.table = made.model_copy(update={"name": name})
    header = ",".join(f'"{column.replace(chr(34), chr(34) * 2)}"' for column in columns)
    put(desk, FIRST, text("1,2,3,4", "5", header=header))
    desk.take(FIRST)
    [row] = desk.rows(quoted("raw", name))
    assert [row[column] for column in columns] == ["1", "2", "3", "4"]
    assert len(desk.rows(quoted("quarantine", name))) == 1
    assert len(desk.ledger()) == 1


def test_a_rejected_row_keeps_every_field_as_it_was(desk) -> None:
    put(desk, FIRST, text('1001,"2024-03-01 09:00","many, or ""few""\nthings",2.50,ann,web'))
    desk.take(FIRST)
    [row] = desk.rows("quarantine.sales")
    fields = json.loads(row["_fields"])
    assert (fields["quantity"], fields["amount"]) == ('many, or "few"\nthings', "2.50")
