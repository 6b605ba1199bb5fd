import pyarrow as pa
import pytest

from ingestion.json_lines import fields, splitter

KNOWN = {"price": "price", "Price": "price", "note": "note"}


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('{"price": 2.50, "note": "x"}', {"price": "2.50", "note": "x"}),
        ('{"Price": 12345678901234567890.123456789}', {"price": "12345678901234567890.123456789"}),
        ('{"price": 1e400, "other": [1]}', {"price": "1e400"}),
        ('{"price": null, "note": ""}', {"price": None, "note": ""}),
        ('{"note": true}', {"note": "true"}),
        ('{"note": {"a": [1.50, "é"]}}', {"note": '{"a": [1.5, "é"]}'}),
        ("{}", {}),
        (' {"note": "a\\nb"} \r', {"note": "a\nb"}),
    ],
)
def test_an_object_is_a_row_with_every_digit(line: str, row: dict) -> None:
    assert fields(line, KNOWN) == row


@pytest.mark.parametrize(
    "line",
    [
        '{"price": 1',
        '{"price": 1} {"price": 2}',
        '{"price": 1}, ',
        '{"price": 1, "price": 2}',
        '{"price": 1, "Price": 2}',
        '{"price": NaN}',
        '{"price": -Infinity}',
        "[1, 2]",
        '"text"',
        "17",
        "[",
        '{"note": "\\ud800"}',
        '{"note": "\\u0000"}',
        '{"note": ' + "[" * 100_000,
        "{price: 1}",
    ],
)
def test_a_line_of_which_something_would_be_lost_is_no_row(line: str) -> None:
    assert fields(line, KNOWN) is None


def test_a_batch_keeps_its_order_its_places_and_its_broken_lines(sales, declare) -> None:
    table = sales((declare("price", aliases=("Price",)), declare("note")), format="json")
    batch = pa.RecordBatch.from_pydict(
        {"value": ["{}", "{", '{"Price": 1}'], "_name": ["f"] * 3, "_line": [1, 2, 4]}
    )
    [split] = splitter(table)(iter([batch]))
    assert split.to_pydict() == {
        "price": [None, None, "1"],
        "note": [None, None, None],
        "_corrupt": [None, "{", None],
        "_name": ["f"] * 3,
        "_line": [1, 2, 4],
    }
