from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from declared import declared
from errors import DeclarationError

SOURCES = "models/staging/shop/_shop__sources.yml"
EXPOSURES = "models/exposures.yml"


@pytest.fixture
def edited(parsed: dict[str, Any]) -> dict[str, Any]:
    """A copy of the default project's manifest, to make mistakes in."""
    kept = {key: parsed[key] for key in ("sources", "exposures", "nodes")}
    return deepcopy(kept)


def source(manifest: dict[str, Any]) -> dict[str, Any]:
    return next(node for node in manifest["sources"].values() if node["name"] == "order_lines")


def model(manifest: dict[str, Any]) -> dict[str, Any]:
    [node] = manifest["exposures"].values()
    return node["config"]["meta"]["model"]


def mistake(manifest: dict[str, Any]) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        declared(manifest)
    error = caught.value
    assert str(error) == f"{error.file}: `{error.key}` is {error.value!r}: {error.fix}"
    return error


def test_the_default_project_declares_a_table_and_a_model(parsed) -> None:
    found = declared(parsed)
    [table], [one] = found.tables, found.models
    columns = {column.name: column for column in table.columns}
    assert table.name == "order_lines"
    assert table.ingest.event_time == "invoice_date"
    assert columns["customer_id"].pii
    assert columns["customer_id"].aliases == ("Customer ID", "CustomerID")
    assert columns["price"].spark_type == "decimal(18,4)"
    assert sorted(test.name for test in columns["quantity"].tests) == ["in_range", "not_null"]
    assert (one.name, one.label.horizon_days, one.gate.slices) == (
        "repeat_purchase", 14, ("country",),
    )  # fmt: skip
    assert (one.features_schema, one.label_schema) == ("features", "features")


def test_a_model_knows_what_its_tables_are_made_of(parsed) -> None:
    [found] = declared(parsed).models
    assert found.features_upstream[0] == "model.leeway.int_customer_history"
    assert "source.leeway.shop.order_lines" in found.features_upstream
    assert "source.leeway.shop.order_lines" in found.label_upstream
    assert len(set(found.features_upstream)) == len(found.features_upstream)


def test_the_first_day_is_the_earliest_that_a_table_declares(edited) -> None:
    assert declared(edited).start is None
    source(edited)["config"]["meta"]["ingest"]["start"] = "2010-01-04"
    assert declared(edited).start == date(2010, 1, 4)


def test_a_pseudonym_is_stored_as_text_and_has_no_median(edited) -> None:
    source(edited)["columns"]["customer_id"]["data_type"] = "integer"
    customer = next(c for c in declared(edited).tables[0].columns if c.pii)
    assert (customer.stored_type, customer.is_number) == ("varchar", False)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["columns"]["country"]["config"]["meta"].update(aliases=["Land"]),
        lambda table: table["columns"]["price"].update(data_type="double"),
        lambda table: table["config"]["meta"]["ingest"].update(timezone="Europe/London"),
        lambda table: table["config"]["meta"]["ingest"].update(format="json"),
    ],
)
def test_what_decides_about_rows_changes_the_contract_s_checksum(edited, change) -> None:
    before = declared(edited).tables[0].checksum
    change(source(edited))
    assert declared(edited).tables[0].checksum != before


def test_what_does_not_decide_about_rows_leaves_the_checksum(edited) -> None:
    before = declared(edited).tables[0].checksum
    source(edited)["config"]["meta"]["ingest"].update(max_reject_rate=0.5)
    source(edited)["columns"]["country"]["description"] = "where to"
    assert declared(edited).tables[0].checksum == before


INGEST = "shop.order_lines.config.meta.ingest"


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("evnt_time", "invoice_date", "unknown key: did you mean 'event_time'?"),
        ("format", "xlsx", "'csv', 'json' or 'parquet'"),
        ("max_line_bytes", 0, "greater than or equal to 1"),
        ("max_line_bytes", 1 << 30, "less than or equal to 16777216"),
        ("on_missing", "ignore", "'empty' or 'fail'"),
        ("max_reject_rate", 2, "less than or equal to 1"),
        ("max_reject_rate", "few", "valid number"),
        ("path", "{landing}/all.csv", "put {partition} where the day"),
        ("path", "{landing}/{partition}/{table}.csv", "only {landing} and {partition} are filled"),
        ("path", "{landing}/{partition}/{}.csv", "only {landing} and {partition} are filled"),
        ("path", "{landing}/{partition}/*.csv", "a day has one file"),
        ("event_time", "invoice_dat", "did you mean 'invoice_date'?"),
        ("start", "yesterday", "valid date"),
        ("timezone", "Europe/Lodnon", "Europe/London"),
    ],
)
def test_a_mistake_of_an_ingest_is_named(edited, key: str, value: object, fix: str) -> None:
    source(edited)["config"]["meta"]["ingest"][key] = value
    error = mistake(edited)
    assert (error.file, error.key, error.value) == (SOURCES, f"{INGEST}.{key}", value)
    assert fix in error.fix


def test_an_ingest_without_a_path_is_named(edited) -> None:
    del source(edited)["config"]["meta"]["ingest"]["path"]
    error = mistake(edited)
    assert (error.key, error.fix) == (f"{INGEST}.path", "Field required")


COLUMN = "shop.order_lines.columns"


def test_a_column_without_a_type_is_named(edited) -> None:
    source(edited)["columns"]["country"]["data_type"] = None
    error = mistake(edited)
    assert (error.file, error.key) == (SOURCES, f"{COLUMN}.country.data_type")
    assert "say the type" in error.fix


def test_a_column_of_an_unsupported_type_is_named(edited) -> None:
    source(edited)["columns"]["country"]["data_type"] = "string[]"
    error = mistake(edited)
    assert (error.key, error.value) == (f"{COLUMN}.country.data_type", "string[]")
    assert "use one of varchar, integer" in error.fix


@pytest.mark.parametrize("data_type", ["decimal(39,2)", "decimal(2,4)"])
def test_a_decimal_without_room_for_its_digits_is_named(edited, data_type: str) -> None:
    source(edited)["columns"]["price"]["data_type"] = data_type
    assert "at most 38 digits" in mistake(edited).fix


@pytest.mark.parametrize("alias", ["Price", "country"])
def test_a_header_that_could_mean_two_columns_is_named(edited, alias: str) -> None:
    source(edited)["columns"]["quantity"]["config"]["meta"]["aliases"] = [alias]
    error = mistake(edited)
    assert alias in str(error.value)
    assert "a header must mean one column" in error.fix


def test_a_name_that_is_the_platform_s_own_is_named(edited) -> None:
    columns = source(edited)["columns"]
    columns["_line"] = {**columns["country"], "name": "_line"}
    error = mistake(edited)
    assert (error.key, error.value) == (f"{COLUMN}._line", "_line")


def test_a_table_that_dagster_could_not_name_is_named(edited) -> None:
    source(edited)["name"] = 'order_lines"; drop table x; --'
    error = mistake(edited)
    assert error.value == 'order_lines"; drop table x; --'
    assert "letters, digits and _" in error.fix


def test_an_event_time_that_is_no_time_is_named(edited) -> None:
    source(edited)["config"]["meta"]["ingest"]["event_time"] = "country"
    error = mistake(edited)
    assert (error.key, error.value) == (f"{INGEST}.event_time", "country")
    assert "only a date or a timestamp" in error.fix


def test_an_unknown_key_of_a_column_is_named(edited) -> None:
    source(edited)["columns"]["country"]["config"]["meta"]["alias"] = ["Land"]
    error = mistake(edited)
    assert error.key == f"{COLUMN}.country.alias"
    assert "did you mean 'aliases'?" in error.fix


def test_a_table_without_columns_is_named(edited) -> None:
    source(edited)["columns"] = {}
    assert mistake(edited).key == COLUMN


def test_a_data_test_that_spark_does_not_enforce_is_named(edited) -> None:
    column_test = next(
        node
        for node in edited["nodes"].values()
        if node["resource_type"] == "test" and node.get("column_name") == "country"
        and node["file_key_name"] == "sources.shop"
    )  # fmt: skip
    column_test["test_metadata"]["name"] = "matchs"
    error = mistake(edited)
    assert (error.file, error.key, error.value) == (
        SOURCES, f"{COLUMN}.country.data_tests", "matchs",
    )  # fmt: skip
    assert "did you mean 'matches'?" in error.fix


def test_a_data_test_of_a_whole_raw_table_is_named(edited) -> None:
    node = next(
        n for n in edited["nodes"].values() if n.get("file_key_name") == "sources.shop"
    )  # fmt: skip
    node["column_name"] = None
    error = mistake(edited)
    assert error.key == "shop.order_lines.data_tests"
    assert "belongs on the staging model" in error.fix


def quantity_range(manifest: dict[str, Any]) -> dict[str, Any]:
    return next(
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("column_name") == "quantity"
        and node["test_metadata"]["name"] == "in_range" and node["file_key_name"] == "sources.shop"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [("severity", "warn"), ("where", "quantity > 0"), ("error_if", ">10")]
)
def test_a_data_test_with_a_condition_belongs_on_the_staging_model(
    edited, key: str, value: str
) -> None:
    quantity_range(edited)["config"][key] = value
    error = mistake(edited)
    expected = (f"{COLUMN}.quantity.data_tests.in_range.config.{key}", value)
    assert (error.key, error.value) == expected
    assert "belongs on the staging model" in error.fix


def test_a_data_test_that_could_not_be_applied_is_named(edited) -> None:
    quantity_range(edited)["test_metadata"]["kwargs"]["min"] = "none"
    error = mistake(edited)
    assert error.key == f"{COLUMN}.quantity.data_tests.in_range"
    assert error.fix == "'none' is no decimal"


def relate(manifest: dict[str, Any], to: str = "customers", field: str = "id") -> None:
    """Add a table of customers, and a test that order lines have one of them."""
    lines = source(manifest)
    parent = deepcopy(lines)
    parent |= {"name": "customers", "unique_id": "source.leeway.shop.customers"}
    parent["columns"] = {"id": {**parent["columns"]["customer_id"], "name": "id"}}
    del parent["config"]["meta"]["ingest"]["event_time"]
    manifest["sources"][parent["unique_id"]] = parent
    node = deepcopy(quantity_range(manifest))
    node |= {"unique_id": "test.leeway.related", "column_name": "customer_id"}
    node["depends_on"]["nodes"] = [parent["unique_id"], lines["unique_id"]]
    kwargs = node["test_metadata"]["kwargs"]
    related = {"model": kwargs["model"], "to": f"source('shop', '{to}')", "field": field}
    node["test_metadata"] |= {"name": "relationships", "kwargs": related}
    manifest["nodes"][node["unique_id"]] = node


def test_a_table_knows_its_parents(edited) -> None:
    relate(edited)
    found = {table.name: table.parents for table in declared(edited).tables}
    assert found == {"customers": (), "order_lines": ("customers",)}


@pytest.mark.parametrize(
    ("to", "field", "key", "fix"),
    [
        ("order_lines", "invoice", "to", "a parent is another raw table"),
        ("customer", "id", "to", "did you mean 'customers'?"),
        ("customers", "ids", "field", "did you mean 'id'?"),
    ],
)
def test_a_parent_that_is_not_declared_is_named(
    edited, to: str, field: str, key: str, fix: str
) -> None:
    relate(edited, to, field)
    error = mistake(edited)
    assert error.key == f"order_lines.columns.customer_id.data_tests.relationships.{key}"
    assert fix in error.fix


def test_a_parent_of_another_kind_is_named(edited) -> None:
    relate(edited)
    edited["sources"]["source.leeway.shop.customers"]["columns"]["id"]["data_type"] = "bigint"
    assert "customers.id is bigint, pii, customer_id is varchar, pii" in mistake(edited).fix


MODEL = "repeat_purchase.config.meta.model"


@pytest.mark.parametrize(
    ("task", "classes", "metric"),
    [
        ("binary", [], "log_loss"),
        ("multiclass", [2, 0, 1], "log_loss"),
        ("regression", [], "squared_error"),
    ],
)
def test_a_task_brings_its_metric_and_classes_keep_their_order(
    edited, task: str, classes: list[int], metric: str
) -> None:
    model(edited)["task"], model(edited)["label"]["classes"] = task, classes
    model(edited)["gate"].pop("metric")
    [found] = declared(edited).models
    assert (found.gate.metric, found.target.name) == (metric, task)
    assert found.label.classes == tuple(map(str, classes))
    assert len(found.target.columns) == (len(classes) or 1)


@pytest.mark.parametrize(
    ("label", "task"),
    [(["no", "yes"], "binary"), (["one"], "multiclass"), (["a", "b"], "regression")],
)
def test_classes_are_two_or_more_and_of_a_multiclass_label(edited, label, task: str) -> None:
    model(edited)["task"], model(edited)["label"]["classes"] = task, label
    error = mistake(edited)
    assert (error.key, error.value) == (f"{MODEL}.label.classes", label)


@pytest.mark.parametrize("classes", [["Low", "low"], ["a", "a"], [True, False], [0.5, 1.5]])
def test_a_class_is_text_or_an_integer_and_told_apart_without_capitals(edited, classes) -> None:
    model(edited)["task"], model(edited)["label"]["classes"] = "multiclass", classes
    error = mistake(edited)
    assert (error.key, error.value) == (f"{MODEL}.label.classes", classes)
    assert "name each class once, as text or an integer" in error.fix


@pytest.mark.parametrize(
    ("path", "value", "key", "fix"),
    [
        (("task",), "ranking", "task", "'binary'"),
        (("tsk",), "binary", "tsk", "did you mean 'task'?"),
        (("entity",), "customer", "features.table", "did you mean 'customer_id'?"),
        (("time",), "day", "features.table", "has no such column"),
        (("train", "estimator"), "forest", "train.estimator", "'tabular'"),
        (("train", "estimator"), "no_nets:one", "train.estimator", "no_nets cannot be imported"),
        (("train", "estimator"), "json:loads", "train.estimator", "takes no argument"),
        (("train", "estimator"), "builtins:dict", "train.estimator", "a dict without fit(train"),
        (("train", "earlier_estimators"), ["x"], "train.earlier_estimators.0", "package.module"),
        (("train", "min_rows"), 0, "train.min_rows", "greater than or equal to 1"),
        (("train", "min_row"), 9, "train.min_row", "unknown key: did you mean 'min_rows'?"),
        (("gate", "slices"), ["contry"], "gate.slices", "did you mean 'country'?"),
        (("gate", "metric"), "auc", "gate.metric", "'log_loss'"),
        (("gate", "metric"), "squared_error", "gate.metric", "binary is judged by log_loss"),
        (("task",), "multiclass", "label.classes", "list the label's values, two or more"),
        (("label", "column"), "repurchase", "label.table", "did you mean 'repurchased'?"),
        (("label", "table"), "customer_label", "label.table", "did you mean 'customer_labels'?"),
        (("features", "table"), "customer_feature", "features.table", "'customer_features'?"),
        (("features", "exclude"), ["x"], "features.table", "has no such column"),
        (("label", "horizon_days"), "two weeks", "label.horizon_days", "valid integer"),
        (("drift",), {"windows_days": 7}, "drift.windows_days", "unknown key"),
        (("retrain", "cooldown_days"), -1, "retrain.cooldown_days", "greater than or equal"),
        (("retrain", "budget"), 29, "retrain.budget", "less than or equal to 28"),
        (("retrain", "challenge_days_max"), 3, "retrain.challenge_days_max", "challenge_days, 7"),
        (("retrain", "challenge_day"), 3, "retrain.challenge_day", "did you mean 'challenge_day"),
        (("train", "recipes"), "recent", "train.recipes", "valid tuple"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_model_is_named(
    edited, path: tuple[str, ...], value: object, key: str, fix: str
) -> None:
    place = model(edited)
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    error = mistake(edited)
    assert (error.file, error.key) == (EXPOSURES, f"{MODEL}.{key}")
    assert error.value == (value[0] if isinstance(value, list) else error.value)
    assert fix in error.fix


@pytest.mark.parametrize(
    ("recipes", "key", "fix"),
    [
        (["widow"], "train.recipes.0", "'window', 'fading', 'recent' or 'change'"),
        ([], "train.recipes", "name each of window, fading, recent, change once at most"),
        (["change"], "train.recipes", "without an alarm there is no change point"),
        (["recent", "recent"], "train.recipes", "once at most"),
    ],
)
def test_recipes_that_cannot_be_trained_are_named(
    edited, recipes: list[str], key: str, fix: str
) -> None:
    model(edited)["train"]["recipes"] = recipes
    error = mistake(edited)
    assert (error.file, error.key) == (EXPOSURES, f"{MODEL}.{key}")
    assert fix in error.fix


def test_an_exposure_that_does_not_refer_to_its_table_is_told_to(edited) -> None:
    [node] = edited["exposures"].values()
    node["depends_on"]["nodes"] = [n for n in node["depends_on"]["nodes"] if "labels" not in n]
    error = mistake(edited)
    assert error.key == f"{MODEL}.label.table"
    assert "depends_on must name it with ref()" in error.fix


@pytest.mark.parametrize("built", [7, None])
def test_a_horizon_that_is_not_the_label_table_s_is_named(edited, built: int | None) -> None:
    labels = edited["nodes"]["model.leeway.customer_labels"]
    labels["config"]["meta"]["horizon_days"] = built
    found = mistake(edited)
    assert (found.file, found.key, found.value) == (
        EXPOSURES, "repeat_purchase.config.meta.model.label.horizon_days", 14,
    )  # fmt: skip
    assert f"horizon_days of the dbt model customer_labels is {built}" in found.fix
