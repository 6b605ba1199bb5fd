"""`make bench-drift`: measure every part in a process of its own, then write the page.

    python -m bench.drift.main [--part gate] [--seeds 10]

`real` and `injected` need a home in which `leeway run` has built the features of Online Retail II
(LEEWAY_HOME, LEEWAY_START=2009-12-01); without LEEWAY_HOME they are left out, and say so.
"""

import os
import subprocess
import sys
from typing import Annotated

import typer

from bench.drift import page

SEEDED = ("years", "policies")  # take --seeds
OF_A_SHOP = ("real", "injected")


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(page.PARTS)}")] = None,
    seeds: Annotated[int, typer.Option(min=1)] = 10,
) -> None:
    """Measure parts, all by default, and write docs/benchmarks-drift.md."""
    for name in part or page.PARTS:
        if name in OF_A_SHOP and "LEEWAY_HOME" not in os.environ:
            print(f"{name}: left out, LEEWAY_HOME names no home with the real shop's features")
            continue
        options = ["--seeds", str(seeds)] if name in SEEDED else []
        subprocess.run([sys.executable, "-m", f"bench.drift.{name}", *options], check=True)
    page.main()


if __name__ == "__main__":
    typer.run(main)
