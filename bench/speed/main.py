"""`make bench`: measure every part in a process of its own, then write docs/benchmarks.md.

    python -m bench.speed.main [--part ingest] [--quick]

With --quick each part has small sizes, the slow ones are left out, and nothing is kept. The long
ones, `real` and `large`, run where they are named.
"""

import subprocess
import sys
import time
from typing import Annotated

import typer

from bench.speed import page
from bench.speed.shop import SPEED_RESULTS


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(page.KNOWN)}")] = None,
    quick: bool = False,
) -> None:
    """Measure parts and write the page from what was kept of each last."""
    usual = [name for name in page.PARTS if not (quick and name in page.SLOW)]
    spent = {name: measured(name, quick=quick) for name in part or usual}
    print({name: round(seconds) for name, seconds in spent.items()}, f"{sum(spent.values()):.0f} s")
    if not quick:
        if not part:
            SPEED_RESULTS.keep("all", {"seconds": sum(spent.values())})
        page.main()


def measured(part: str, *, quick: bool) -> float:
    """Measure a part; returns the seconds that this took."""
    print(f"{part}: {page.KNOWN[part]}", flush=True)
    options = ["--quick"] if quick else []
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", f"bench.speed.{part}", *options], check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    typer.run(main)
