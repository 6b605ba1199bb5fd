"""JSON lines and Parquet go the same way as CSV; a pass over a format is one test."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from errors import DeliveryError
from ingestion.contract import UNSPLITTABLE, pseudonyms
from ingestion.parquet import rewrite_as_text

KEY = b"a key for tests"
DAYS = FIRST, SECOND, THIRD, FOURTH = [date(2024, 3, n) for n in (1, 2, 3, 4)]


def places(rows: list[dict]) -> list[tuple]:
    return [(row["_day"], row["_line"]) for row in rows]


def rejects(rows: list[dict]) -> dict[tuple, list[str]]:
    return {(row["_day"], row["_line"]): sorted(row["_reasons"]) for row in rows}


@pytest.fixture
def folder(desk) -> Path:
    path = desk.landing / "sales"
    path.mkdir()
    return path


def test_json_lines_become_rows_and_rejects(desk, sales, gz, folder) -> None:
    desk.table = sales(path="{landing}/sales/{partition}.jsonl.gz", format="json")
    whole = {"order": "1001", "When": f"{FIRST} 09:00:00", "quantity": 1, "Price": 2.5,
             "Customer ID": "ann", "channel": "web", "note": "not stored"}  # fmt: skip
    lines = [
        json.dumps(whole),
        json.dumps({**whole, "quantity": None, "Price": "3.25"}),
        "",
        json.dumps({**whole, "quantity": "many", "channel": {"is": "fax"}}),
        '{"order": "1004", torn',
        json.dumps(whole) + json.dumps(whole),
        json.dumps({key: value for key, value in whole.items() if key != "Customer ID"}),
        json.dumps({**whole, "When": f"{FIRST}T09:00:00Z", "Price": 0.1}),
    ]
    gz(folder / f"{FIRST}.jsonl.gz", "\r\n".join(lines))
    gz(folder / f"{SECOND}.jsonl.gz", "")
    gz(folder / f"{THIRD}.jsonl.gz", json.dumps(whole).replace("2.5", "NaN") + "\n")
    done = desk.take(FIRST, SECOND, THIRD)
    assert [(d.read, d.accepted, d.held) for d in done.deliveries] == [
        (7, 3, None),
        (0, 0, None),
        (1, 0, None),
    ]
    assert done.deliveries[0].landed.extra == ("note",)
    stored = desk.rows()
    assert places(stored) == [(FIRST, 1), (FIRST, 2), (FIRST, 8)]
    assert [row["amount"] for row in stored] == [Decimal("2.5"), Decimal("3.25"), Decimal("0.1")]
    assert [row["quantity"] for row in stored] == [1, None, 1]
    rejected = desk.rows("quarantine.sales")
    assert rejects(rejected) == {
        (FIRST, 4): ["channel: accepted_values", "quantity: not integer"],
        (FIRST, 5): [UNSPLITTABLE],
        (FIRST, 6): [UNSPLITTABLE],
        (FIRST, 7): ["customer: not_null"],
        (THIRD, 1): [UNSPLITTABLE],
    }
    assert json.loads(rejected[0]["_fields"])["channel"] == '{"is": "fax"}'
    assert rejected[0]["_file"] == str(folder / f"{FIRST}.jsonl.gz")


def sale(**changes) -> dict:
    row = {"order": "1001", "sold_at": datetime(2024, 3, 1, 9), "quantity": 1, "amount": 2.5,
           "customer": "ann", "channel": "web"}  # fmt: skip
    return {**row, **changes}


def test_parquet_files_of_any_types_become_rows_and_rejects(desk, sales, folder) -> None:
    desk.table = sales(path="{landing}/sales/{partition}.parquet", format="parquet")
    native = pa.Table.from_pylist(
        [
            sale(),
            sale(quantity=None, amount=float("nan")),
            sale(quantity=99, sold_at=datetime(2024, 3, 2)),
            sale(quantity=2**40, customer=None),
            sale(amount=0.1),
        ]
    )
    nanoseconds = native.schema.get_field_index("sold_at")
    when = native.column("sold_at").cast(pa.timestamp("ns", "UTC"))
    pq.write_table(
        native.set_column(nanoseconds, "When", when).append_column(
            "note", [["x"]] * 1 + [[None] * 4]
        ),
        folder / f"{FIRST}.parquet",
    )
    strange = pa.table(
        {
            "amount": pa.array([Decimal("2.500000"), Decimal("2.500001")]),
            "order": pa.array([1001, 1002], pa.uint64()),
            "quantity": pa.array([3.0, 3.5]),
            "customer": pa.array([b"ann", b"ann"]),
            "channel": pa.array(["web", "shop"]).dictionary_encode(),
            "sold_at": pa.array([f"{SECOND} 10:00", f"{SECOND} 11:00"]),
        }
    )
    pq.write_table(strange, folder / f"{SECOND}.parquet")
    pq.write_table(native.slice(0, 0), folder / f"{THIRD}.parquet")
    nested = pa.Table.from_pylist([sale(channel=["web"])])
    pq.write_table(nested, folder / f"{FOURTH}.parquet")
    done = desk.take(*DAYS)
    assert [(d.read, d.accepted) for d in done.deliveries] == [(5, 2), (2, 1), (0, 0), (0, 0)]
    assert [d.landed.records for d in done.deliveries] == [5, 2, 0, 1]
    assert done.deliveries[0].landed.extra == ("note",)
    [held] = done.held
    assert "column channel is list<" in str(held.held)
    stored = desk.rows()
    assert places(stored) == [(FIRST, 1), (FIRST, 5), (SECOND, 1)]
    assert (stored[2]["order"], stored[2]["quantity"]) == ("1001", 3)
    assert {row["customer"] for row in stored} == {pseudonyms(KEY)("ann")}
    assert rejects(desk.rows("quarantine.sales")) == {
        (FIRST, 2): ["amount: not decimal(18,4)"],
        (FIRST, 3): ["quantity: in_range", "sold_at: of another day"],
        (FIRST, 4): ["customer: not_null", "quantity: not integer"],
        (SECOND, 2): ["amount: not decimal(18,4)", "quantity: not integer"],
    }


def test_parquet_files_that_are_none_are_held_until_they_are_repaired(desk, sales, folder) -> None:
    desk.table = sales(path="{landing}/sales/{partition}.parquet", format="parquet")
    good = folder / "good"
    pq.write_table(pa.Table.from_pylist([sale(order=f"{1000 + n}") for n in range(500)]), good)
    content = good.read_bytes()
    renamed = pa.Table.from_pylist([sale()]).rename_columns({"amount": "sum"})
    pq.write_table(renamed, folder / f"{FOURTH}.parquet")
    (folder / f"{FIRST}.parquet").write_bytes(content[:-20])
    (folder / f"{SECOND}.parquet").write_bytes(b"order,sold_at\n")
    (folder / f"{THIRD}.parquet").write_bytes(content[:8] + bytes([255]) * 200 + content[208:])
    held = [str(d.held) for d in desk.take(*DAYS).held]
    assert ["unreadable" in reason for reason in held] == [True, True, True, False]
    assert "no column for amount" in held[3]
    assert desk.rows() == []
    pq.write_table(pa.Table.from_pylist([sale()]), folder / f"{FIRST}.parquet")
    assert desk.take(FIRST).held == ()
    assert len(desk.rows()) == 1


def test_a_copy_that_finds_no_room_fails_and_the_file_is_not_blamed(tmp_path: Path) -> None:
    path = tmp_path / "copy.parquet"
    pq.write_table(pa.Table.from_pylist([sale(order=f"{n}") for n in range(1000)]), path)
    full = path.with_suffix(".text")
    full.symlink_to("/dev/full")
    with pytest.raises(DeliveryError, match=r"copy\.text cannot be written: .*No space left"):
        rewrite_as_text(path, list(sale()), list(sale()))
    full.unlink()
    assert rewrite_as_text(path, list(sale()), list(sale())) is None


def test_a_file_larger_than_a_batch_keeps_every_place(desk, sales, declare, folder) -> None:
    columns = (declare("number", "integer"),)
    numbers = range(1, 70_001)
    formats = {"csv": FIRST, "json": SECOND, "parquet": THIRD}
    (folder / f"{FIRST}.csv").write_text("number\n" + "".join(f"{n}\n" for n in numbers))
    (folder / f"{SECOND}.json").write_text("".join(f'{{"number": {n}}}\n' for n in numbers))
    pq.write_table(pa.table({"number": list(numbers)}), folder / f"{THIRD}.parquet")
    for kind, day in formats.items():
        path = f"{{landing}}/sales/{{partition}}.{kind}"
        desk.take(day, table=sales(columns, path=path, format=kind, event_time=None))
    counts = "select _day, count(*) n, count(distinct _line) d from raw.sales where number = _line"
    assert desk.lake.rows(f"{counts} group by _day order by _day") == [
        {"_day": day, "n": len(numbers), "d": len(numbers)} for day in DAYS[:3]
    ]
