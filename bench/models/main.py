"""`make bench-models`: measure every part in a process of its own, then write the page.

    python -m bench.models.main [--part walk]

All but `simulated` and `speed` need a home in which `leeway run` has built the features of Online
Retail II (LEEWAY_HOME, LEEWAY_START=2009-12-01); without LEEWAY_HOME they are left out, and say so.
"""

import os
import subprocess
import sys
from typing import Annotated

import typer

from bench.models import page

WITHOUT_A_SHOP = ("simulated", "speed")


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(page.PARTS)}")] = None,
) -> None:
    """Measure parts, all by default, and write docs/benchmarks-models.md."""
    for name in part or page.PARTS:
        if name not in WITHOUT_A_SHOP and "LEEWAY_HOME" not in os.environ:
            print(f"{name}: left out, LEEWAY_HOME names no home with the real shop's features")
            continue
        subprocess.run([sys.executable, "-m", f"bench.models.{name}"], check=True)
    page.main()


if __name__ == "__main__":
    typer.run(main)
