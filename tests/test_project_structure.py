"""`leeway structure` on a project that breaks every rule, and on the one that keeps them all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from project_structure import documentation, layers, naming, testing
from project_structure.check import RULES, violations
from project_structure.project import Project, Violation, compiled_project

BROKEN = Path(__file__).parent / "projects" / "broken"
TILL = "models/staging/till"


@pytest.fixture(scope="module")
def broken() -> Project:
    """The project that breaks every rule; compiling takes seconds, so all tests share it."""
    return compiled_project(BROKEN)


BREAKS: list[tuple[Callable[[Project], Iterator[Violation]], str, str]] = [
    (naming.folders, "models/lost.sql", "it lies in no layer"),
    (naming.prefixes, f"{TILL}/receipts.sql", "receipts does not start with stg_till__"),
    (naming.prefixes, "models/features/stg_features.sql", "is named like another layer"),
    (naming.snake_case, "models/lost.sql", "'One' is not snake_case"),
    (naming.one_yml, f"{TILL}/receipts.sql", f"it is documented in {TILL}/till_models.yml"),
    (naming.one_yml, f"{TILL}/sources.yml", "it declares source till"),
    (naming.one_yml, "models/features/bare.sql", "no yml documents it"),
    (naming.grain_first, "models/intermediate/int_days.yml", "what a row of int_days is"),
    (layers.readers, f"{TILL}/stg_till__daily.sql", "staging reads receipts of staging"),
    (layers.readers, "models/intermediate/int_days.sql", "intermediate reads visits of source"),
    (layers.readers, "models/features/shop_days.sql", "features reads receipts of staging"),
    (layers.own_source, f"{TILL}/receipts.sql", "receipts reads till"),
    (layers.hard_coded, "models/features/shop_days.sql", "it names lake.raw.shops itself"),
    (layers.followed, "models/intermediate/int_days.sql", "whose columns are not known"),
    (testing.grain, "models/features/shop_days.yml", "shop are not tested to be unique"),
    (testing.grain, "models/features/shop_days.yml", "shop of the key may be null"),
    (testing.contracts, "models/features/shop_days.yml", "its columns are no contract"),
    (testing.contracts, "models/features/shop_days.yml", "event_time is None, no column"),
    (testing.unit_tests, "models/features/shop_days.yml", "no unit test of shop_days"),
    (documentation.tables, "models/features/bare.sql", "bare has none"),
    (documentation.tables, f"{TILL}/sources.yml", "forecast has none"),
    (documentation.columns, "models/features/shop_days.yml", "column amount of shop_days has none"),
    (documentation.columns, f"{TILL}/sources.yml", "column amount of receipts has none"),
    (documentation.columns, f"{TILL}/till_models.yml", "receipts gives no column colour"),
    (documentation.shared, f"{TILL}/till_models.yml", "receipts describes receipt, which 4 tables"),
    (documentation.owners, "models/lost.sql", "lost has none"),
    (documentation.owners, f"{TILL}/sources.yml", "forecast has none"),
    (documentation.owners, f"{TILL}/sources.yml", "visits has none"),
    (documentation.freshness, f"{TILL}/sources.yml", "receipts may stop unseen"),
]


@pytest.mark.parametrize(("rule", "file", "what"), BREAKS)
def test_each_rule_names_the_file_that_breaks_it(
    broken: Project, rule: Callable[[Project], Iterator[Violation]], file: str, what: str
) -> None:
    assert [found for found in rule(broken) if found.file == file and what in found.what]


def test_no_rule_is_without_a_break() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)


def test_a_model_without_logic_needs_no_unit_test(broken: Project) -> None:
    files = {found.file for found in testing.unit_tests(broken)}
    assert files == {"models/features/shop_days.yml"}


def test_every_violation_is_a_line_with_its_fix_and_the_command_fails(
    broken: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", str(BROKEN))
    result = CliRunner().invoke(app, ["structure"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [str(each) for each in violations(broken)]


def test_the_default_project_keeps_every_rule_without_a_lake() -> None:
    result = CliRunner().invoke(app, ["structure"])
    assert result.output == f"10 models keep all {len(RULES)} rules\n"
    assert result.exit_code == 0
