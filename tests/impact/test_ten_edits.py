"""Ten kinds of edit, each made to the working tree: what `leeway impact` says of it."""

import pytest
from typer.testing import CliRunner

from cli import app
from impact.report import Impact, ModelImpact, Verdict

pytestmark = pytest.mark.slow
SQL = "models/features/customer_features.sql"


def only(found: Impact) -> ModelImpact:
    """The one model of the project."""
    [model] = found.models
    return model


def test_without_an_edit_nothing_is_looked_at(edited) -> None:
    found = edited.impact()
    assert (found.files, found.days) == ((), ())
    assert only(found).verdict is Verdict.NO_EFFECT


def test_a_comment_and_a_line_break_have_no_effect(edited) -> None:
    edited.replace(SQL, ("customers as (\n", "customers as ( -- one row per customer\n\n"))
    found = edited.impact()
    assert found.files == (SQL,)
    assert only(found).verdict is Verdict.NO_EFFECT
    assert only(found).reasons == ("the SQL differs in layout only",)


def test_a_renamed_column_breaks_the_live_version(edited) -> None:
    edited.select(revenue_90d=None, spent_90d=("revenue_90d", "decimal(18,2)"))
    model = only(edited.impact())
    [column] = model.tables[0].columns
    assert (column.name, column.renamed_from) == ("spent_90d", "revenue_90d")
    assert model.verdict is Verdict.BREAKING
    assert "cannot score: it learned from revenue_90d as DECIMAL(18,2)" in model.reasons[0]


def test_a_widened_window_asks_for_a_new_version(edited) -> None:
    edited.replace(
        SQL,
        ("filter (where age < 90) as orders_90d", "as orders_90d"),
        ("filter (where age < 30), 0) as revenue_30d", ", 0) as revenue_30d"),
    )
    model = only(edited.impact())
    orders, revenue = model.tables[0].columns
    assert (orders.name, revenue.name) == ("orders_90d", "revenue_30d")
    assert min(orders.changed, revenue.changed) > 0.1
    assert revenue.shift > 0.3
    assert model.champion.moved > 0
    assert model.verdict is Verdict.RETRAIN


def test_a_fixed_bug_that_changes_few_values_is_compatible(edited) -> None:
    edited.replace(
        "models/intermediate/int_customer_products.sql",
        ("set recent = 90", "set recent = 89"),
    )
    model = only(edited.impact())
    [column] = model.tables[0].columns
    assert column.name == "products_90d"
    assert 0 < column.changed < 0.2
    assert model.verdict is Verdict.COMPATIBLE


def test_a_useful_feature_is_worth_a_new_version(edited) -> None:
    edited.select(
        purchase_days_decayed=("purchase_days_decayed", "double"),
        recency_to_mean_gap=("recency_to_mean_gap", "double"),
    )
    model = only(edited.impact())
    assert [column.is_added for column in model.tables[0].columns] == [True, True]
    assert model.champion.moved == 0
    assert model.challenger.high < 0
    assert model.verdict is Verdict.RETRAIN
    assert not model.leaks


def test_a_useless_feature_is_compatible(edited) -> None:
    edited.select(lucky_number=("(hash(customer_id) % 1000)::integer", "integer"))
    model = only(edited.impact())
    assert not model.challenger.differs
    assert model.verdict is Verdict.COMPATIBLE
    assert "added lucky_number" in model.reasons[0]


def test_a_feature_of_the_future_is_a_leak(edited) -> None:
    edited.select(
        buys_soon=(
            "exists (select 1 from {{ ref('int_customer_days') }} as d where orders > 0 and "
            "d.customer_id = final.customer_id and d.ordered_on > final.as_of and "
            "d.ordered_on <= final.as_of + 14)",
            "boolean",
        )
    )
    model = only(edited.impact())
    assert model.verdict is Verdict.BREAKING
    whys = [leak.why for leak in model.leaks if leak.column == "buys_soon"]
    assert any("by what came later" in why for why in whys)
    assert any("by itself it saves" in why for why in whys)


def test_a_dropped_column_breaks_the_live_version(edited) -> None:
    edited.select(orders_90d=None)
    model = only(edited.impact())
    [column] = model.tables[0].columns
    assert column.what == "removed, was INTEGER"
    assert model.verdict is Verdict.BREAKING
    assert "it learned from orders_90d as INTEGER, which is gone now" in model.reasons[0]
    assert model.challenger is not None


def test_another_grain_is_breaking(edited) -> None:
    edited.replace(SQL, ("on customers.as_of = products.as_of and customers", "on customers"))
    model = only(edited.impact())
    assert model.verdict is Verdict.BREAKING
    assert "a join, window or group lacks as_of" in model.reasons[0]


def test_rows_that_repeat_a_key_are_breaking(edited) -> None:
    edited.replace(SQL, ("from final", "from final cross join (values (1), (2)) as twice (n)"))
    model = only(edited.impact())
    assert model.tables[0].repeated == model.tables[0].rows_before
    assert model.verdict is Verdict.BREAKING
    assert any("the grain has changed" in reason for reason in model.reasons)
    assert any("unique_combination" in reason for reason in model.reasons)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from history\n", "fro history\n", "customer_features.sql fails in DuckDB: Parser Error"),
        ("ref('int_shop_momentum')", "ref('int_shop_moment')", "depends on a node named"),
        ("sum(orders) filter", "sum(order) filter", "customer_features.sql fails in DuckDB"),
    ],
)
def test_sql_that_does_not_compile_is_breaking(edited, old: str, new: str, said: str) -> None:
    edited.replace(SQL, (old, new))
    before = edited.state()
    done = CliRunner().invoke(app, ["impact", "--days", "3", "--json"])
    assert edited.state() == before
    assert done.exit_code == 1
    model = only(Impact.model_validate_json(done.stdout))
    assert model.verdict is Verdict.BREAKING
    assert said in model.reasons[0]
