"""The report as HTML, Markdown and JSON, and the workflow that posts it."""

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from cli import app
from impact.page import as_html, as_markdown
from impact.report import (
    ChampionImpact,
    ColumnImpact,
    Impact,
    ModelImpact,
    TableImpact,
    Verdict,
)
from impact.shown import show
from resources.settings import CHECKOUT

COLUMN = ColumnImpact(
    name="a|<b>", was="INTEGER", now="BIGINT", changed=0.5, shift=0.25, nulls_before=0.0,
    nulls_after=0.125,
)  # fmt: skip
TABLE = TableImpact(
    table="features", file="f.sql", same_sql=False, rows_before=10, rows_after=12, gained=2,
    examples=("gained 4, 2024-01-01",), columns=(COLUMN,),
)  # fmt: skip
FOUND = Impact(
    base="main",
    commit="0123456789abcdef",
    files=("models/f.sql",),
    days=(date(2024, 1, 1), date(2024, 1, 8)),
    models=(
        ModelImpact(
            model="m",
            verdict=Verdict.BREAKING,
            reasons=("m version 3 cannot score: a|<b>",),
            tables=(TABLE,),
            champion=ChampionImpact(version=3, rows=10, moved=0.01, moved_sd=0.1, flipped=0.02),
        ),
        ModelImpact(model="other", verdict=Verdict.NO_EFFECT, reasons=("nothing differs",)),
    ),
    seconds=12.3,
)


def test_the_gravest_verdict_is_that_of_the_change() -> None:
    assert FOUND.verdict is Verdict.BREAKING
    assert FOUND.model_copy(update={"models": ()}).verdict is Verdict.NO_EFFECT


def test_every_form_says_the_same() -> None:
    console = Console(width=200, record=True, file=StringIO())
    show(console, FOUND)
    for said in (as_html(FOUND), as_markdown(FOUND), console.export_text()):
        for part in ("breaking", "10 rows before, 12 after; 2 gained, 0 lost", "50.00% of values"):
            assert part in said
        assert "0.0% → 12.5%" in said
        assert "2.00%" in said
    assert json.loads(FOUND.model_dump_json())["models"][0]["champion"]["version"] == 3


def test_names_break_neither_the_page_nor_the_comment() -> None:
    assert "a|&lt;b&gt;" in as_html(FOUND)
    comment = as_markdown(FOUND)
    assert "a\\|&lt;b>" in comment
    rows = [line for line in comment.splitlines() if line.startswith("| a")]
    assert len(rows) == 1


def test_a_long_table_is_cut_in_the_comment_only() -> None:
    table = TABLE.model_copy(update={"columns": tuple([COLUMN] * 40)})
    model = FOUND.models[0].model_copy(update={"tables": (table,)})
    long = FOUND.model_copy(update={"models": (model,)})
    assert "and 10 more columns" in as_markdown(long)
    assert as_html(long).count("<td>a|&lt;b&gt;</td>") == 40


def test_errors_of_its_own_end_with_status_2(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))
    assert CliRunner().invoke(app, ["impact"]).exit_code == 2
    nowhere = str(tmp_path / "no" / "page.html")
    assert CliRunner().invoke(app, ["impact", "--html", nowhere]).exit_code == 2


def test_a_home_without_a_lake_is_told_and_none_is_made(home: Path) -> None:
    assert CliRunner().invoke(app, ["impact", "--base", "HEAD"]).exit_code == 2
    assert not (home / "lake" / "catalog.sqlite").exists()


def test_the_workflow_calls_the_command_as_it_is() -> None:
    workflow = yaml.safe_load((CHECKOUT / "docs" / "impact.github.yml").read_text())
    steps = workflow["jobs"]["impact"]["steps"]
    [command] = [step["run"] for step in steps if "leeway impact" in step.get("run", "")]
    options = CliRunner().invoke(app, ["impact", "--help"], env={"COLUMNS": "200"}).output
    assert {word for word in command.split() if word.startswith("--")} <= set(options.split())
