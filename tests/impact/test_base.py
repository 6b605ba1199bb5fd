"""What a change is compared with is read from git, which stays as it is."""

import subprocess
from pathlib import Path

import pytest

from errors import SetupError
from impact.base import base_of


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project below the top of a repository, which uses macros beside it; one commit, on main."""
    folder = tmp_path / "analytics" / "dbt"
    (folder / "models").mkdir(parents=True)
    (tmp_path / "analytics" / "macros").mkdir()
    (tmp_path / "analytics" / "macros" / "shared.sql").write_text("{# shared #}")
    (folder / "dbt_project.yml").write_text("name: a\nmacro-paths: [macros, ../macros]\n")
    (folder / "models" / "a.sql").write_text("select 1 as a")
    (tmp_path / "elsewhere.txt").write_text("not of the project")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return folder


def test_the_default_is_where_the_branch_has_left_main(project: Path) -> None:
    first = git(project, "rev-parse", "HEAD")
    git(project, "checkout", "-q", "-b", "feature")
    (project / "models" / "a.sql").write_text("select 2 as a")
    git(project, "commit", "-q", "-am", "second")
    base = base_of(project, None)
    assert (base.commit, base.name, base.project) == (first, "main", Path("analytics/dbt"))
    assert base_of(project, "HEAD").commit == git(project, "rev-parse", "HEAD")


def test_the_project_of_the_commit_is_exported_with_what_it_reads(
    project: Path, tmp_path: Path
) -> None:
    (project / "models" / "a.sql").write_text("select 2 as a")
    (project / "models" / "new.sql").write_text("select 3 as a")
    (project / "dbt_packages").mkdir()
    place = tmp_path / "place"
    folder = base_of(project, None).export(place)
    assert folder == place / "analytics" / "dbt"
    assert (folder / "models" / "a.sql").read_text() == "select 1 as a"
    assert not (folder / "models" / "new.sql").exists()
    assert (place / "analytics" / "macros" / "shared.sql").exists()
    assert not (place / "elsewhere.txt").exists()
    assert (folder / "dbt_packages").resolve() == project / "dbt_packages"


def test_outside_git_without_main_and_for_no_commit_the_next_step_is_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    with pytest.raises(SetupError, match="is in no git repository"):
        base_of(outside, None)
    with pytest.raises(SetupError, match="--base is 'nowhere', which is no commit"):
        base_of(project, "nowhere")
    git(project, "branch", "-m", "trunk")
    with pytest.raises(SetupError, match=r"neither main nor origin/main.*--base REF"):
        base_of(project, None)


def test_a_commit_without_the_project_is_named(project: Path) -> None:
    git(project, "rm", "-q", "dbt_project.yml")
    git(project, "commit", "-q", "-m", "gone")
    with pytest.raises(SetupError, match=r"HEAD \(\w{10}\) has no analytics/dbt/dbt_project.yml"):
        base_of(project, "HEAD").export(project / "place")
