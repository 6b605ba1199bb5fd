"""What two homes must have in common, however often one of them was killed on the way.

Left out are wall-clock columns and generated names: MLflow's run ids, snapshot numbers, folders;
and how many turns writers took, which is one more where work was done again.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from resources.lake import Lake, lake_of, quoted
from resources.registry import Registry, registry_of
from resources.settings import Settings

GENERATED = (
    "written_at",
    "sent_at",
    "attempts",
    "mlflow_run",
    "snapshot",
    "turn",
    "row_ms",
    "built",
)
DOCUMENT_KEYS = ("snapshot", "report_url")
State = dict[str, Counter]


def state_of(home: Path) -> State:
    """Return every table's rows and every model's versions, each with how often it is there."""
    loaded = Settings(home=home)
    lake, registry = lake_of(loaded), registry_of(loaded)
    tables = lake.rows(
        """select table_schema as schema, table_name as name from information_schema.tables
        where table_catalog = 'lake' and table_type = 'BASE TABLE' order by all"""
    )
    found = {f"{t['schema']}.{t['name']}": rows_of(lake, t["schema"], t["name"]) for t in tables}
    return {**found, **versions_of(registry)}


def rows_of(lake: Lake, schema: str, table: str) -> Counter:
    """Return a table's rows as JSON."""
    rows = lake.rows(f"select * from {quoted(schema, table)}")
    return Counter(
        json.dumps({k: plain(v) for k, v in row.items() if k not in GENERATED}, default=str)
        for row in rows
    )


def plain(value: Any) -> Any:
    """Return a kept JSON document without generated names, any other value as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    document = json.loads(value)
    return {k: v for k, v in document.items() if k not in DOCUMENT_KEYS}


def versions_of(registry: Registry) -> State:
    """Return every model's versions with tags, how their run ended, and what the alias names."""
    found: State = {}
    for model in registry.client.search_registered_models():
        versions = Counter(
            json.dumps(
                {
                    "version": each.version,
                    "tags": {k: v for k, v in sorted(each.tags.items()) if k not in GENERATED},
                    "run": registry.client.get_run(each.run_id).info.status,
                    "live": registry.pointed(model.name) == int(each.version),
                }
            )
            for each in registry.client.search_model_versions(f"name = '{model.name}'")
        )
        found[f"mlflow.{model.name}"] = versions
    return found


def differences(one: State, other: State) -> list[str]:
    """Return a line for every table that differs, with a row that only one side has."""
    told = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, Counter()), other.get(name, Counter())
        only, extra = left - right, right - left
        if only or extra:
            shown = next(iter(only or extra))[:300]
            told.append(f"{name}: {only.total()} rows lost, {extra.total()} too many, e.g. {shown}")
    return told
