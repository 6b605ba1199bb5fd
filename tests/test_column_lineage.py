"""Which columns make which: of SQL with a known answer, of the default project, as a command."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

import cli_lake
from cli import app
from column_lineage import Column, Lineage, lineage_of
from errors import SetupError
from resources.dbt import compiled_manifest
from resources.lake import columns_of
from resources.settings import settings
from state import opened

RAW = "source.p.shop.lines"
STORED = {("raw", "lines"): ("Customer", "price", "quantity", "day"), ("raw", "other"): ("id", "x")}


def node(name: str, sql: str, *parents: str, ephemeral: bool = False) -> dict[str, Any]:
    """A compiled model as the manifest has it."""
    return {
        "resource_type": "model", "name": name, "alias": name, "schema": "s", "columns": {},
        "relation_name": None if ephemeral else f'"lake"."s"."{name}"',
        "compiled_code": sql, "depends_on": {"nodes": list(parents)},
    }  # fmt: skip


def source(name: str) -> dict[str, Any]:
    """A raw table as the manifest has it."""
    return {
        "resource_type": "source", "name": name, "identifier": name, "schema": "raw",
        "relation_name": f'"lake"."raw"."{name}"', "columns": {},
    }  # fmt: skip


def followed(models: Mapping[str, dict[str, Any]]) -> Lineage:
    """The lineage of some models over two raw tables."""
    tables = ("lines", "other", "unknown")
    sources = {f"source.p.shop.{table}": source(table) for table in tables}
    return lineage_of({"sources": sources, "nodes": dict(models)}, STORED)


def names(columns: Sequence[Column]) -> set[str]:
    """Columns as `table.column`."""
    return {f"{column.node.split('.')[-1]}.{column.name}" for column in columns}


@pytest.mark.parametrize(
    ("sql", "values", "rows"),
    [
        ("select price * quantity as v from {raw}", {"price", "quantity"}, set()),
        ("select sum(price) filter (where quantity > 0) as v from {raw} group by customer",
         {"price", "quantity"}, {"customer"}),
        ("with a as (select * from {raw} where day > '2024-01-01') select max(price) as v from a",
         {"price"}, {"day"}),
        ("select row_number() over (partition by customer order by day) as v from {raw} "
         "qualify v = 1", {"customer", "day"}, {"customer", "day"}),
        ("select price as v from {raw} union all select quantity from {raw}",
         {"price", "quantity"}, set()),
        ("select count(*) as v from {raw} having max(day) > '2024'", set(), {"day"}),
        ("select a.price as v from {raw} as a inner join {raw} as b on a.customer = b.customer",
         {"price"}, {"customer"}),
        ("select price as v from {raw} where exists "
         "(select 1 from {raw} as b where b.day = lines.day)", {"price"}, {"day"}),
        ("select (select max(quantity) from {raw}) as v from {raw}", {"quantity"}, set()),
        ("select v from (select price as v, quantity as w from {raw}) where w > 0",
         {"price"}, {"quantity"}),
    ],
)  # fmt: skip
def test_values_are_told_apart_from_the_choice_of_rows(
    sql: str, values: set[str], rows: set[str]
) -> None:
    model = node("m", sql.format(raw='"lake"."raw"."lines"'), RAW)
    found = followed({"model.p.m": model})
    assert not found.unread
    assert names(found.values[Column("model.p.m", "v")]) == {f"lines.{name}" for name in values}
    assert names(found.rows["model.p.m"]) == {f"lines.{name}" for name in rows}


def test_an_ephemeral_model_is_gone_through_and_has_columns_of_its_own() -> None:
    sql = 'select price * 2 as twice from "lake"."raw"."lines" where quantity > 0'
    inlined = f"with __dbt__cte__e as ({sql}) select twice as v from __dbt__cte__e"
    found = followed({
        "model.p.e": node("e", sql, RAW, ephemeral=True),
        "model.p.m": node("m", inlined, "model.p.e"),
    })  # fmt: skip
    assert names(found.values[Column("model.p.m", "v")]) == {"e.twice"}
    assert names(found.computed_from(Column("model.p.m", "v"))) == {
        "m.v", "e.twice", "lines.price",
    }  # fmt: skip
    assert not found.rows["model.p.m"]
    assert names(found.rows["model.p.e"]) == {"lines.quantity"}


def test_a_column_that_only_chooses_rows_touches_every_column_below_them() -> None:
    kept = 'select customer, price from "lake"."raw"."lines" where quantity > 0'
    count = 'select customer, count(*) as n from "lake"."s"."kept" group by customer'
    found = followed({
        "model.p.kept": node("kept", kept, RAW), "model.p.n": node("n", count, "model.p.kept"),
    })  # fmt: skip
    quantity = Column(RAW, "quantity")
    assert names(found.computed_with(quantity)) == {"lines.quantity"}
    assert names(found.touched(quantity)) == {
        "lines.quantity", "kept.customer", "kept.price", "n.customer", "n.n",
    }  # fmt: skip


def test_sql_that_cannot_be_followed_is_told_and_the_rest_goes_on() -> None:
    everything = 'select * from "lake"."raw"."unknown"'
    found = followed({
        "model.p.broken": node("broken", "select from where", RAW),
        "model.p.star": node("star", everything, "source.p.shop.unknown"),
        "model.p.fine": node("fine", 'select price from "lake"."raw"."lines"', RAW),
    })  # fmt: skip
    assert set(found.unread) == {"model.p.broken", "model.p.star"}
    assert "whose columns are not known" in found.unread["model.p.star"]
    assert names(found.values[Column("model.p.fine", "price")]) == {"lines.price"}


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home with an empty lake; the project is compiled once."""
    before = dict(os.environ)
    os.environ |= {"LEEWAY_HOME": str(tmp_path_factory.mktemp("home")), "COLUMNS": "200"}
    settings.cache_clear()
    opened()
    yield
    settings.cache_clear()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def project(at_home: None) -> Lineage:
    """The default project's lineage."""
    lake, _ = opened()
    return lineage_of(compiled_manifest(settings()), columns_of(lake))


def of(table: str, column: str) -> Column:
    """A column of one of the default project's models."""
    return Column(f"model.leeway.{table}", column)


def test_every_column_of_the_default_project_is_followed_to_its_source(project: Lineage) -> None:
    assert not project.unread
    recency = project.computed_from(of("customer_features", "recency_days"))
    ends = {column for column in recency if column.node.startswith("source.")}
    assert names(list(ends)) == {
        "order_lines.invoice", "order_lines.invoice_date", "order_lines.price",
        "order_lines.quantity",
    }  # fmt: skip
    assert names(project.values[of("customer_labels", "repurchased")]) == {
        "int_customer_days.customer_id"
    }
    assert "int_customer_days.orders" in names(project.rows["model.leeway.customer_labels"])


def test_the_columns_that_the_sql_gives_are_those_of_the_contract(
    project: Lineage, parsed: Mapping[str, Any]
) -> None:
    for table in ("customer_features", "customer_labels"):
        declared = parsed["nodes"][f"model.leeway.{table}"]["columns"]
        assert list(project.columns[f"model.leeway.{table}"]) == list(declared)


def say(*arguments: str) -> str:
    """What a command prints."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_a_raw_column_is_told_down_to_the_models(
    at_home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_lake.out, "width", 200)
    told = say("lineage", "order_lines.price")
    assert "staging.int_order_lines.amount" in told
    assert "features.customer_features.revenue_90d → repeat_purchase (feature)" in told
    assert "no version is live yet" in told
    assert "repeat_purchase: by the rows it chooses also repurchased" in told


def test_a_feature_is_told_up_to_raw_columns_as_json(at_home: None) -> None:
    told = json.loads(say("lineage", "features.customer_features.products_90d", "--json"))
    up = {step["column"]: step["next"] for step in told["up"]}
    assert up["features.customer_features.products_90d"] == ["int_customer_products.products_90d"]
    assert "raw.order_lines.invoice_date" in up
    assert "staging.int_customer_product_days.stock_code" in told["rows"]["int_customer_products"]
    [use] = told["uses"]
    assert (use["model"], use["role"], use["by"]) == ("repeat_purchase", "feature", "value")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (
            "int_customer_days.revnue",
            "staging.int_customer_days has no column 'revnue': did you me",
        ),
        ("customer_featurs.country", "did you mean 'customer_features'"),
        ("country", "names no column TABLE.COLUMN"),
    ],
)
def test_a_column_that_does_not_exist_is_refused_with_the_closest(
    at_home: None, column: str, words: str
) -> None:
    with pytest.raises(SetupError, match=words):
        say("lineage", column)
