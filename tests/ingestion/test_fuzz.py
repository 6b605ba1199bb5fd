"""Files of any bytes: never an error without the file's name, never a lost row.

Every file is a day of one table, so that a Spark pass tells about dozens.
"""

import csv
import gzip
import io
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestion.landing import land
from ingestion.publish import Delivery

NAMES = ("order", "sold_at", "quantity", "amount", "customer", "channel")
FILES = 30
START = date(2024, 1, 1)
Damage = list[tuple[str, float, bytes]]


def bounded(examples: int) -> settings:
    """The same files in every run, and no search for simpler ones in a lake that has rows."""
    return settings(
        derandomize=True, deadline=None, max_examples=examples, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip


PIECES = [b'"', b"\n", b"\0", b"\r", b"\r\n", b",", b'",', b',"', b"\xff", b" ", b"}", b"{"]
damages = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "repeat", "insert", "insert", "remove"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(PIECES),
    ),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, done: Damage) -> bytes:
    """Do damage to a file: its kind, where (a share of the length), and with what."""
    for kind, share, piece in done:
        at = int(share * len(content))
        content = {
            "cut": content[: max(at, len(content) // 2)],
            "flip": content[:at]
            + bytes(byte ^ 1 for byte in content[at : at + 1])
            + content[at + 1 :],
            "repeat": content[:at] + content[at : at + 60] + content[at:],
            "insert": content[:at] + piece + content[at:],
            "remove": content[:at] + content[at + 1 :],
        }[kind]
    return content


def rows_of(day: date) -> list[tuple[str, ...]]:
    """Rows that keep the contract; the order's number tells them apart."""
    people = ['ann, of "cork"', "two\nlines", "ann", "größe"] * 3
    return [
        (str(1000 + n), f"{day} 09:00", "1", f"{n}.25", name, "web")
        for n, name in enumerate(people)
    ]


def as_csv(day: date) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([NAMES, *rows_of(day)])
    return text.getvalue().encode()


def as_json(day: date) -> bytes:
    lines = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows_of(day)]
    return "\n".join(lines).encode()


def csv_orders(content: bytes, day: date) -> Counter[str]:
    """Count the orders whose whole row is a record of its own, by Python's reader."""
    good = {row[0]: list(row) for row in rows_of(day)}
    lines = content.decode().replace("\r\n", "\n").replace("\r", " ").split("\n")
    header, *records = csv.reader(f"{line}\n" for line in lines)
    whole = [record[0] for record in records if record and record == good.get(record[0])]
    return Counter(whole if header == list(NAMES) else [])


def json_orders(content: bytes, day: date) -> Counter[str]:
    """Count the orders whose line is as it was."""
    good = set(as_json(day).split(b"\n"))
    return Counter(json.loads(line)["order"] for line in content.split(b"\n") if line in good)


def take(desk, contents: list[bytes], ending: str) -> tuple[list[Delivery], dict[date, bytes]]:
    """Take files in, each as a day; return those that were published."""
    folder = desk.landing / "sales"
    folder.mkdir(exist_ok=True)
    files = {START + timedelta(days=n): content for n, content in enumerate(contents)}
    for day, content in files.items():
        (folder / f"{day}{ending}").write_bytes(content)
    done = desk.take(*files)
    assert all(d.landed.problem or d.read == d.landed.records for d in done.deliveries)
    return [d for d in done.deliveries if not d.held], files


def in_lake(desk, done: Delivery) -> tuple[int, int, Counter[str]]:
    """Return a delivery's rows, its rejects, and how often each order is among them."""
    key = [done.day, done.landed.delivery]
    query = "select * from {} where _day = ? and _delivery = ?"
    stored = desk.lake.rows(query.format("raw.sales"), key)
    rejected = desk.lake.rows(query.format("quarantine.sales"), key)
    fields = [json.loads(row["_fields"]) for row in rejected if row["_fields"]]
    return len(stored), len(rejected), Counter(row["order"] for row in [*stored, *fields])


@pytest.mark.parametrize(
    ("kind", "make", "orders"), [("csv", as_csv, csv_orders), ("json", as_json, json_orders)]
)
def test_no_row_of_a_damaged_file_is_lost(desk, sales, kind: str, make, orders) -> None:
    desk.table = sales(path=f"{{landing}}/sales/{{partition}}.{kind}", format=kind)

    @bounded(examples=2)  # the first is the simplest one, the second is of all kinds
    @given(
        st.lists(damages, min_size=FILES, max_size=FILES),
        st.lists(st.binary(max_size=200), min_size=5, max_size=5),
    )
    def check(done: list[Damage], noise: list[bytes]) -> None:
        broken = [damaged(make(START + timedelta(days=n)), one) for n, one in enumerate(done)]
        head = ",".join(NAMES).encode() + b"\n" if kind == "csv" else b""
        published, files = take(desk, [*broken, *noise, *(head + n for n in noise)], f".{kind}")
        assert len(published) > FILES / 4
        for one in published:
            stored, rejected, found = in_lake(desk, one)
            assert (stored, rejected) == (one.accepted, one.quarantined)
            assert stored + rejected == one.landed.records
            expected = orders(files[one.day], one.day)
            assert expected <= found  # a damaged copy of a row may have its number as well

    check()


@bounded(examples=150)
@given(damage=damages, noise=st.binary(max_size=300), pick=st.sampled_from(["gz", "parquet", ""]))
def test_an_archive_or_a_parquet_file_of_any_bytes_is_looked_at_without_an_error(
    sales, tmp_path: Path, damage: Damage, noise: bytes, pick: str
) -> None:
    table = pa.Table.from_pylist([dict(zip(NAMES, row, strict=True)) for row in rows_of(START)])
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    whole = {"gz": gzip.compress(as_csv(START)), "parquet": parquet.getvalue(), "": noise}[pick]
    content = damaged(whole, damage)
    for kind, ending in (("csv", "csv.gz"), ("json", "json.gz"), ("parquet", "parquet")):
        path = tmp_path / f"{START}.{ending}"
        path.write_bytes(content)
        used = sales(path=f"{{landing}}/{{partition}}.{ending}", format=kind)
        found = land(used, str(tmp_path), START, tmp_path)
        assert found.problem or found.records is not None
        assert content == path.read_bytes()
