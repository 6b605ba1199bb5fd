"""`make bench`: measure every part in a process of its own, then write docs/benchmarks.md.

    python -m bench.speed.main [--part ingest] [--quick]

With --quick each part has small sizes and nothing is kept.
"""

import subprocess
import sys
from typing import Annotated

import typer

from bench.speed import page


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(page.PARTS)}")] = None,
    quick: bool = False,
) -> None:
    """Measure parts, all by default, and write the page from what was kept of each last."""
    for name in part or page.PARTS:
        print(f"{name}: {page.PARTS[name]}", flush=True)
        options = ["--quick"] if quick else []
        subprocess.run([sys.executable, "-m", f"bench.speed.{name}", *options], check=True)
    if not quick:
        page.main()


if __name__ == "__main__":
    typer.run(main)
