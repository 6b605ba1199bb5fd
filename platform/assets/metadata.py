"""Results as Dagster metadata: tables, numbers, pictures."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from dagster import MetadataValue, TableRecord


def described(values: Mapping[str, Any], but: Collection[str] = ()) -> dict[str, MetadataValue]:
    """Return a dictionary's entries as metadata, each by its type; None is left out."""
    kept = {key: value for key, value in values.items() if key not in but and value is not None}
    return {key: value_of(value) for key, value in kept.items()}


def value_of(value: Any) -> MetadataValue:
    """Return one value as metadata."""
    if isinstance(value, bool):
        return MetadataValue.bool(value)
    if isinstance(value, int):
        return MetadataValue.int(value)
    if isinstance(value, float):
        return MetadataValue.float(value)
    if isinstance(value, str | date):
        return MetadataValue.text(str(value))
    return MetadataValue.json(json.loads(json.dumps(value, default=str)))


def table(rows: Sequence[Mapping[str, Any]]) -> MetadataValue:
    """Return rows as a table; floats get four significant digits."""
    if not rows:
        return MetadataValue.text("no rows")
    return MetadataValue.table([TableRecord({k: cell(v) for k, v in r.items()}) for r in rows])


def cell(value: Any) -> str | int | float | bool:
    """Return a value as a table's cell may hold it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value if isinstance(value, str | int | bool) else str(value)


def pictures(figures: Mapping[str, bytes]) -> dict[str, MetadataValue]:
    """Return PNG images as Markdown that the UI shows."""
    return {
        name: MetadataValue.md(
            f"![{name}](data:image/png;base64,{base64.b64encode(image).decode()})"
        )
        for name, image in figures.items()
    }
