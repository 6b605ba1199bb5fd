"""The documentation names only what exists: commands, options, settings, files, keys."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from dagster._cli import cli as dagster_cli
from dbt.cli.main import cli as dbt_cli

import status
from cli import app
from lifecycle.move import Move
from resources.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
COMMANDS = {"leeway": typer.main.get_command(app), "dagster": dagster_cli, "dbt": dbt_cli}
SHELL = {"export", "cd"}
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*$")
STATUS_TABLES = {
    "The object": status.Status,
    "tables.NAME": status.TableStatus,
    "features.NAME": status.FeatureStatus,
    "models.NAME": status.ModelStatus,
    "models.NAME.features": Move,
    "models.NAME.trial": status.TrialStatus,
    "models.NAME.decisions[]": status.DecisionStatus,
    "models.NAME.promotions[]": status.PromotionStatus,
    "models.NAME.alarms[]": status.AlarmStatus,
    "alerts[]": status.AlertStatus,
}


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for indent, found, text in BLOCK.findall(page.read_text()):
            if found == language:
                yield page, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)


def command_lines() -> list[tuple[str, list[str]]]:
    """Every line of a bash block as (page, words), without leading assignments."""
    lines = []
    for page, text in blocks("bash"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and ASSIGNMENT.match(words[0]):
                words.pop(0)
            if words:
                lines.append((page.name, words))
    return lines


def missing_from(program: str, words: list[str]) -> list[str]:
    """Subcommands and options among `words` that a click program does not have."""
    command, wrong = COMMANDS[program], []
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            if word not in command.commands:
                return [*wrong, word]
            command = command.commands[word]
        elif word.startswith("-") and word not in {o for p in command.params for o in p.opts}:
            wrong += [] if word == "--help" else [word]
    return wrong


@pytest.mark.parametrize(("page", "words"), command_lines(), ids=lambda value: str(value)[:80])
def test_a_command_of_the_documentation_exists(page: str, words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(rest) <= set(targets), page
    elif program not in SHELL:
        assert missing_from(program, rest) == [], page


def test_a_command_that_does_not_exist_is_found() -> None:
    assert missing_from("leeway", ["rum"]) == ["rum"]
    assert missing_from("leeway", ["run", "--since", "2024-01-01"]) == ["--since"]


def test_every_subcommand_is_in_the_readme() -> None:
    shown = set(re.findall(r"`leeway ([\w-]+)", (ROOT / "README.md").read_text()))
    assert shown == set(COMMANDS["leeway"].commands)


def test_every_setting_is_in_the_readme_and_no_other_is_named_anywhere() -> None:
    settings = {f"LEEWAY_{name.upper()}" for name in Settings.model_fields}
    settings = settings - {"LEEWAY_DBT_PROJECT_DIR"} | {"DBT_PROJECT_DIR"}
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(rows) == settings
    named = {name for page in PAGES for name in re.findall(r"LEEWAY_[A-Z_]+", page.read_text())}
    # which only dbt's profile and the benches read
    assert named <= settings | {"LEEWAY_DEV_SCHEMA", "LEEWAY_REAL_DATA"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_images_lead_to_files_and_headings(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_network_of_the_documentation_is_the_one_that_goes_live_in_a_test() -> None:
    network = (ROOT / "tests" / "projects" / "networks" / "shop_networks.py").read_text()
    assert network in [text for page, text in blocks("python") if page.name == "ml-engineer.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_of_the_project_that_a_page_names_exist(page: Path) -> None:
    pattern = r"`((?:platform|ml|dbt_project|tests|docs|scripts|\.ci)/[\w./-]*)`"
    for name in re.findall(pattern, page.read_text()):
        assert (ROOT / name).exists(), name


def test_the_status_page_lists_exactly_the_keys_of_the_json() -> None:
    text = (ROOT / "docs" / "status.md").read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    told = {
        heading: dict(re.findall(r"^\| (\w+) \| (.+) \|$", body, re.MULTILINE)[1:])
        for heading, body in sections.items()
    }
    assert told == {
        heading: {name: field.description for name, field in model.model_fields.items()}
        for heading, model in STATUS_TABLES.items()
    }


@pytest.mark.slow
def test_python_blocks_and_status_run_on_a_new_home(tmp_path: Path) -> None:
    home = {**os.environ, "LEEWAY_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    for page, text in blocks("python"):
        if page.name == "simulation.md":  # writes dumps; tests/simulation runs the same call
            compile(text, str(page), "exec")
            continue
        script = [sys.executable, "-c", text]
        done = subprocess.run(script, env=home, capture_output=True, text=True)
        assert done.returncode == 0, f"{page.name}: {done.stderr}"
    command = [str(Path(sys.executable).with_name("leeway")), "status", "--json"]
    done = subprocess.run(command, env=home, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout).keys() == status.Status.model_fields.keys()
