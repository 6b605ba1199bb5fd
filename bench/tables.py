"""Markdown tables that the benches' pages have in common."""

from collections.abc import Mapping
from typing import Any

GOAL_HEADS = ["measure", "goal", "measured", ""]
Row = list[str]


def table(head: Row, rows: list[Row]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def row(measure: str, goal: str, figure: str, met: bool) -> Row:
    """A goal beside its figure, under `GOAL_HEADS`."""
    return [measure, goal, figure, "met" if met else "**missed**"]


def stamps(names: Mapping[str, str], parts: Mapping[str, Any], *, cpu: bool = True) -> str:
    """Commit, machine and CPU time of every part that was measured; `names` says what it is.

    cpu: leave it out where processes did the work that the part did not wait for, such as Spark's.
    """
    rows = []
    for name, what in names.items():
        if found := parts.get(name):
            spent = found["cpu_minutes"]
            minutes = "not kept" if spent is None else f"{spent:.0f}"
            rows.append([what, found["commit"], found["machine"], minutes])
        else:
            rows.append([what, "not measured", "", ""])
    heads = ["part", "commit", "machine", "CPU minutes"]
    return table(heads, rows) if cpu else table(heads[:-1], [line[:-1] for line in rows])
