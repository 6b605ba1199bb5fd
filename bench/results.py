"""What each part of a bench has measured, as JSON beside the code, with its commit."""

import json
import os
import platform
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Results:
    """Of the bench in `bench/<name>`, one file a part; code: the folders that it measures."""

    name: str
    code: tuple[str, ...] = ("ml",)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return ROOT / "bench" / self.name / "results"

    def keep(self, part: str, found: Any, minutes: float | None = None) -> None:
        """Write what a part has found; minutes: of CPU, by default this process and children.

        Call it in a process of the part's own, from the checkout that was measured.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        spent = round(cpu_minutes() if minutes is None else minutes, 1)
        kept = {**self.stamp(), "cpu_minutes": spent, "found": found}
        (self.folder / f"{part}.json").write_text(json.dumps(kept, indent=1, default=str) + "\n")

    def kept(self, part: str) -> dict[str, Any] | None:
        """What a part has found last, with its stamp, or None where it never ran."""
        path = self.folder / f"{part}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def found(self, part: str) -> Any:
        """What another part needs; ends the process where it never ran."""
        if (kept := self.kept(part)) is None:
            raise SystemExit(
                f"run `python -m bench.{self.name}.{part}` first: its result is needed"
            )
        return kept["found"]

    def stamp(self) -> dict[str, str]:
        """Commit and machine; `code` changes with what is measured, not with every commit."""
        measured = (*self.code, f"bench/{self.name}", f":!bench/{self.name}/results")
        changed = git("status", "--porcelain", "--", *measured)
        return {
            "commit": git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else ""),
            "code": "\n".join(
                [git("rev-parse", *(f"HEAD:{f}" for f in self.code)), changed]
            ).strip(),
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
            f"Python {platform.python_version()}",
        }


DRIFT_RESULTS, MODEL_RESULTS = Results("drift"), Results("models")


def cpu_minutes() -> float:
    """Of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) / 60


def git(*arguments: str) -> str:
    """What git answers in the checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
