"""Equal rows, equal hash; anything else, another one."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ml.errors import SchemaError
from ml.fingerprint import by_day, fingerprint

TABLE = pa.table(
    {
        "day": pa.array([date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 2)]),
        "x": [1.5, None, 2.5],
        "name": ["a", "bc", None],
        "flag": [True, False, None],
        "money": pa.array([1, 2, None]).cast(pa.decimal128(20, 0)),
    }
)
KNOWN = "24084a45453ed2c1935af7980284252a"


def test_the_hash_stays_what_it_was_when_versions_were_recorded() -> None:
    assert fingerprint(TABLE) == KNOWN


def test_chunks_slices_and_encodings_do_not_count() -> None:
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    padded = pa.concat_tables([TABLE, TABLE]).combine_chunks().slice(3)
    encoded = TABLE.set_column(2, "name", TABLE["name"].dictionary_encode())
    for same in (chunked, padded, encoded):
        assert fingerprint(same) == fingerprint(TABLE)


def test_a_value_under_a_null_does_not_count() -> None:
    values = np.array([1.0, 7.0])
    hidden = pa.Array.from_buffers(pa.float64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(values)])
    assert fingerprint(pa.table({"x": hidden})) == fingerprint(pa.table({"x": [1.0, None]}))


OTHERS = (
    TABLE.take([1, 0, 2]),
    TABLE.slice(0, 2),
    TABLE.select(["x", "day", "name", "flag", "money"]),
    TABLE.rename_columns(["day", "z", "name", "flag", "money"]),
    TABLE.set_column(1, "x", pa.array([1.5, 0.0, 2.5])),
    TABLE.set_column(1, "x", pa.array([1.5, None, np.nextafter(2.5, 3)])),
    TABLE.set_column(2, "name", pa.array(["ab", "c", None])),
    TABLE.set_column(2, "name", pa.array(["a", "bc", ""])),
    TABLE.set_column(3, "flag", pa.array([True, False, False])),
    TABLE.set_column(4, "money", TABLE["money"].cast(pa.int64())),
)


@pytest.mark.parametrize("other", OTHERS)
def test_any_other_value_order_name_type_or_null_gives_another_hash(other: pa.Table) -> None:
    assert fingerprint(other) != fingerprint(TABLE)


def test_days_are_hashed_on_their_own() -> None:
    hashes = by_day(TABLE, "day")
    assert list(hashes) == ["2024-01-01", "2024-01-02"]
    assert hashes["2024-01-02"] == fingerprint(TABLE.slice(1))


def test_an_empty_table_has_a_hash_and_no_days() -> None:
    empty = TABLE.schema.empty_table()
    assert fingerprint(empty) == fingerprint(TABLE.slice(0, 0)) != fingerprint(TABLE)
    assert by_day(empty, "day") == {}


def test_nested_values_are_refused() -> None:
    with pytest.raises(SchemaError, match="'x' has type list"):
        fingerprint(pa.table({"x": [[1]]}))
