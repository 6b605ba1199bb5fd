"""What is about to be learned from or scored keeps every declared rule, or is refused by name."""

from datetime import date

import pyarrow as pa
import pytest

from declaration import MlModel, StoredColumn
from declaration import Test as DataTest
from declared import declared
from errors import UnsoundRowsError
from lifecycle.guard import refused_days, require_sound, rows_without, types_of, violations

FIRST, SECOND = date(2024, 1, 1), date(2024, 1, 2)


@pytest.fixture(scope="module")
def model(parsed) -> MlModel:
    """The default model over a table of four columns."""
    rules = (
        StoredColumn(name="customer_id", data_type="varchar", not_null=True),
        StoredColumn(name="as_of", data_type="date", not_null=True),
        StoredColumn(
            name="visits",
            data_type="integer",
            not_null=True,
            tests=(DataTest(name="in_range", arguments={"min": 0, "max": 90}),),
        ),
        StoredColumn(name="spend", data_type="double"),
        StoredColumn(
            name="country",
            data_type="varchar",
            tests=(
                DataTest(name="matches", arguments={"pattern": "[A-Z]{2}"}),
                DataTest(name="accepted_values", arguments={"values": ["DE", "FR", "de"]}),
            ),
        ),
    )
    label = StoredColumn(name="repurchased", data_type="integer", not_null=True)
    [made] = declared(parsed).models
    return made.model_copy(update={"feature_columns": rules, "label_columns": (label,)})


def table(**changed: pa.Array) -> pa.Table:
    """Two customers on two days; `changed` columns replace their own."""
    columns = {
        "customer_id": pa.array(["ann", "bob", "ann", "bob"]),
        "as_of": pa.array([FIRST, FIRST, SECOND, SECOND], pa.date32()),
        "visits": pa.array([1, 2, 3, 4], pa.int32()),
        "spend": pa.array([1.5, None, 2.5, 0.0]),
        "country": pa.array(["DE", "FR", "DE", None]),
        "repurchased": pa.array([0, 1, 1, 0], pa.int32()),
    }
    return pa.table({**columns, **changed})


def test_rows_that_keep_every_rule_pass(model) -> None:
    require_sound(table(), model)
    require_sound(table().slice(0, 0), model)
    assert refused_days(table().drop_columns("repurchased"), model, {}, 1) == {}


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("visits", pa.array([1, 2, 91, 92], pa.int32()), "visits breaks in_range (min 0, max 90)"),
        ("visits", pa.array([1, 2, None, 4], pa.int32()), "visits breaks not_null in 1 rows"),
        ("spend", pa.array([1.0, 2.0, float("inf"), 1.0]), "spend breaks finite in 1 rows"),
        ("spend", pa.array([1.0, 2.0, float("nan"), 1.0]), "spend breaks finite in 1 rows"),
        (
            "country",
            pa.array(["DE", "FR", "de", "FR"]),
            "country breaks matches (pattern [A-Z]{2})",
        ),
        ("country", pa.array(["DE", "FR", "XX", "FR"]), "country breaks accepted_values"),
        ("customer_id", pa.array(["a", "b", "c", "c"]), "one row per entity and day in 2 rows"),
        ("repurchased", pa.array([0, 1, 2, 0], pa.int32()), "breaks label of binary in 1 rows"),
        ("repurchased", pa.array([0, 1, None, 0], pa.int32()), "repurchased breaks not_null"),
    ],
)
def test_a_broken_rule_is_named_with_column_count_and_first_key(model, name, values, said) -> None:
    rows = table(**{name: values})
    with pytest.raises(UnsoundRowsError) as refused:
        require_sound(rows, model)
    assert said in str(refused.value)
    assert f"the first is customer_id {rows['customer_id'][2]} on 2024-01-02" in str(refused.value)
    assert "in dbt and build these days again" in str(refused.value)


def test_several_broken_rules_are_all_named(model) -> None:
    rows = table(
        visits=pa.array([-1, 2, 3, 4], pa.int32()), spend=pa.array([1.0, 1.0, 1.0, float("inf")])
    )
    found = violations(rows, model)
    assert [(v.column, v.rows, v.days) for v in found] == [
        ("spend", 1, (SECOND,)),
        ("visits", 1, (FIRST,)),
    ]


def test_a_column_of_another_type_or_a_missing_one_is_refused(model) -> None:
    with pytest.raises(UnsoundRowsError, match="visits breaks type INTEGER in 4 rows"):
        require_sound(table(visits=pa.array([1, 2, 3, 4], pa.int64())), model)
    with pytest.raises(UnsoundRowsError, match=r"spend breaks type DOUBLE .* gone"):
        require_sound(table().drop_columns("spend"), model)


def test_only_the_days_that_break_a_rule_are_refused_for_scoring(model) -> None:
    rows = table(visits=pa.array([1, 2, 3, -4], pa.int32())).drop_columns("repurchased")
    refused = refused_days(rows, model, {}, 1)
    assert list(refused) == [SECOND]
    assert "visits breaks in_range" in refused[SECOND]
    assert rows_without(rows, "as_of", refused)["as_of"].to_pylist() == [FIRST, FIRST]


def test_a_version_refuses_columns_that_are_not_as_it_learned_them(model) -> None:
    rows = table().drop_columns("repurchased")
    assert refused_days(rows, model, {"visits": "INTEGER", "country": "VARCHAR"}, 3) == {}
    refused = refused_days(rows, model, {"visits": "BIGINT", "orders": "INTEGER"}, 3)
    assert list(refused) == [FIRST, SECOND]
    assert "repeat_purchase version 3 cannot score customer_features" in refused[FIRST]
    assert "it learned from visits as BIGINT, which is INTEGER now" in refused[FIRST]
    assert "orders as INTEGER, which is gone now" in refused[FIRST]


def test_rules_and_types_come_from_the_dbt_models(parsed) -> None:
    [model] = declared(parsed).models
    columns = {column.name: column for column in model.feature_columns}
    assert columns["recency_days"].not_null
    assert columns["recency_days"].tests == (
        DataTest(name="in_range", arguments={"min": 0, "max": 89}),
    )
    assert columns["revenue_365d"].data_type == "decimal(18,2)"
    assert not columns["median_gap_days"].not_null
    [label] = [column for column in model.label_columns if column.name == "repurchased"]
    assert label.tests == (DataTest(name="accepted_values", arguments={"values": [0, 1]}),)


def test_types_are_named_as_duckdb_names_them() -> None:
    rows = pa.table({"money": pa.array([1], pa.decimal128(18, 2)), "day": pa.array([FIRST])})
    assert types_of(rows) == {"money": "DECIMAL(18,2)", "day": "DATE"}
