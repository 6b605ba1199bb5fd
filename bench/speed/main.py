"""`make bench`: measure every part in a process of its own, then write docs/benchmarks.md.

    python -m bench.speed.main [--part ingest] [--quick]

With --quick each part has small sizes, the slow ones are left out, and nothing is kept. The long
ones, `real` and `large`, run where they are named.
"""

import subprocess
import sys
from typing import Annotated

import typer

from bench.speed import page


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(page.KNOWN)}")] = None,
    quick: bool = False,
) -> None:
    """Measure parts and write the page from what was kept of each last."""
    usual = [name for name in page.PARTS if not (quick and name in page.SLOW)]
    for name in part or usual:
        print(f"{name}: {page.KNOWN[name]}", flush=True)
        options = ["--quick"] if quick else []
        subprocess.run([sys.executable, "-m", f"bench.speed.{name}", *options], check=True)
    if not quick:
        page.main()


if __name__ == "__main__":
    typer.run(main)
