"""The dbt project as it is at another commit, in a folder of its own; git is only read."""

import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from errors import SetupError

DEFAULTS = ("main", "origin/main")
PATHS = ("model-paths", "macro-paths", "seed-paths", "test-paths", "snapshot-paths")
PACKAGES = "dbt_packages"  # git ignores what `dbt deps` has installed


@dataclass(frozen=True)
class Base:
    """What a change is compared with.

    repository: top folder. project: of the dbt project, below it. commit: full hash. name: as it
    was asked for.
    """

    repository: Path
    project: Path
    commit: str
    name: str

    def export(self, place: Path) -> Path:
        """Write the project of the commit below `place` and return its folder.

        What the project reads beside its own folder (`macro-paths: [../macros]`) comes along.
        Raises SetupError where the commit has no such project.
        """
        self._extract(self.project, place)
        folder = place / self.project
        if not (folder / "dbt_project.yml").exists():
            raise SetupError(
                f"{self.name} ({self.commit[:10]}) has no {self.project}/dbt_project.yml: there is "
                "nothing to compare with, name a newer commit with --base"
            )
        for path in self._beside(folder):
            self._extract(path, place)
        installed = self.repository / self.project / PACKAGES
        if installed.is_dir():
            (folder / PACKAGES).symlink_to(installed)
        return folder

    def _beside(self, folder: Path) -> list[Path]:
        """Folders of the repository outside of the project that it names by a relative path."""
        declared = yaml.safe_load((folder / "dbt_project.yml").read_text())
        named = [path for key in PATHS for path in declared.get(key) or () if path.startswith("..")]
        inside = [os.path.normpath(self.project / path) for path in named]
        return [Path(path) for path in inside if not path.startswith("..")]

    def _extract(self, path: Path, place: Path) -> None:
        command = ["archive", "--format=tar", self.commit, "--", str(path)]
        archive = subprocess.run(
            [_git(), "-C", str(self.repository), *command], capture_output=True, check=False
        )
        if archive.returncode != 0:
            said = archive.stderr.decode(errors="replace").strip()
            raise SetupError(f"{self.name} ({self.commit[:10]}) has no {path}: {said}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(place, filter="data")


def base_of(project: Path, reference: str | None) -> Base:
    """Return the commit that a project's working tree is compared with.

    reference: any name of a commit; by default where this branch has left `main`, or `origin/main`.
    Raises SetupError outside git, and where there is no such commit.
    """
    top = _asked(project, "rev-parse", "--show-toplevel")
    if top is None:
        raise SetupError(
            f"{project} is in no git repository: `leeway impact` compares the project with a commit"
        )
    repository = Path(top).resolve()
    if reference is not None:
        commit = _asked(project, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        if commit is None:
            raise SetupError(f"--base is {reference!r}, which is no commit of {repository}")
        return Base(repository, project.relative_to(repository), commit, reference)
    for name in DEFAULTS:
        if commit := _asked(project, "merge-base", "HEAD", name):
            return Base(repository, project.relative_to(repository), commit, name)
    raise SetupError(
        f"{repository} has neither {' nor '.join(DEFAULTS)}, or no commit yet: name the commit to "
        "compare with, --base REF (a shallow clone lacks it: fetch the whole history)"
    )


def _asked(folder: Path, *arguments: str) -> str | None:
    """What git answers, None where it says no."""
    done = subprocess.run(
        [_git(), "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise SetupError("no `git` on PATH: `leeway impact` reads the base from it")
    return found
