"""Which columns a model takes, and how it says that it cannot."""

import pyarrow as pa
import pytest

from ml.errors import SchemaError
from ml.schema import Schema

KEYS = {"entity": "id", "time": "day", "label": "y"}
FIELDS = [("id", pa.string()), ("day", pa.date32()), ("y", pa.int32())]


def test_numbers_booleans_and_decimals_are_numeric_and_text_is_categorical() -> None:
    arrow = pa.schema(
        [
            *FIELDS,
            ("money", pa.decimal128(18, 2)),
            ("flag", pa.bool_()),
            ("kind", pa.dictionary(pa.int32(), pa.string())),
            ("count", pa.int16()),
            ("country", pa.string()),
        ]
    )
    schema = Schema.of(arrow, **KEYS)
    assert schema.numeric == ("money", "flag", "count")
    assert schema.categorical == ("kind", "country")


def test_a_column_of_another_type_is_refused_by_name_and_type_unless_excluded() -> None:
    arrow = pa.schema([*FIELDS, ("x", pa.float64()), ("seen", pa.timestamp("us"))])
    with pytest.raises(SchemaError, match=r"'seen' has type timestamp\[us\]"):
        Schema.of(arrow, **KEYS)
    assert Schema.of(arrow, **KEYS, exclude=["seen"]).features == ("x",)


def test_an_absent_key_is_named() -> None:
    with pytest.raises(SchemaError, match="'y' is not in the table"):
        Schema.of(pa.schema([*FIELDS[:2], ("x", pa.float64())]), **KEYS)


def test_an_excluded_column_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(SchemaError, match="'visists'"):
        Schema.of(pa.schema([*FIELDS, ("visits", pa.int32())]), **KEYS, exclude=["visists"])


def test_a_task_that_does_not_exist_is_refused() -> None:
    arrow = pa.schema([*FIELDS, ("x", pa.float64())])
    with pytest.raises(SchemaError, match="'ranking' is not supported"):
        Schema.of(arrow, **KEYS, task="ranking")


def test_a_table_without_features_is_refused() -> None:
    with pytest.raises(SchemaError, match="no feature"):
        Schema.of(pa.schema(FIELDS), **KEYS)


@pytest.mark.parametrize("wrong", [[0, 1, None], [0, 1, 2]])
def test_labels_that_are_missing_or_not_binary_are_refused(wrong: list[int | None]) -> None:
    schema = Schema("id", "day", "y", ("x",), ())
    with pytest.raises(SchemaError, match="other values than integer 0 and 1 in 1 of 3 rows"):
        schema.labels(pa.table({"y": pa.array(wrong, pa.int32())}))


def test_a_label_that_is_no_declared_class_is_refused_with_its_value() -> None:
    schema = Schema("id", "day", "y", ("x",), (), "multiclass", ("low", "high"))
    with pytest.raises(SchemaError, match="among low, high in 2 of 3 rows, the first is medium"):
        schema.labels(pa.table({"y": ["low", "medium", None]}))
    with pytest.raises(SchemaError, match="has type double: use text or integers"):
        schema.labels(pa.table({"y": [1.5]}))
