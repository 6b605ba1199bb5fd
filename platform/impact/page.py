"""A report as HTML, which runs no script, and as Markdown for a comment."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from impact.report import Impact
from impact.words import challenger_facts, champion_facts, columns_of, rows_of, title_of

PLACE = FileSystemLoader(Path(__file__).parent)
COLUMNS = 30  # that a comment lists; the page lists all


def as_html(found: Impact) -> str:
    """The page; every value is escaped."""
    made = Environment(loader=PLACE, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return made.get_template("impact.html").render(**_given(found))


def as_markdown(found: Impact) -> str:
    """The comment; `cell` keeps what stands in it from breaking its tables, or being HTML."""
    made = Environment(loader=PLACE, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    made.filters["cell"] = cell
    return made.get_template("impact.md.jinja").render(**_given(found), most=COLUMNS)


def cell(text: str) -> str:
    """Return text that stays one cell, and no HTML, in Markdown."""
    for found, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " ")):
        text = text.replace(found, instead)
    return text


def _given(found: Impact) -> dict[str, Any]:
    return {
        "found": found,
        "title": title_of(found),
        "rows_of": rows_of,
        "columns_of": columns_of,
        "facts": lambda model: [*champion_facts(model), *challenger_facts(model)],
    }
