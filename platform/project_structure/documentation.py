"""What is described: every table and column, the shared ones once, and who to ask."""

from collections.abc import Iterator, Mapping
from typing import Any

from declared_values import declared_in, meta_of
from project_structure.project import Node, Project, Violation

SHARED = 3  # tables with a column of one name: from here on it is described in one place


def tables(project: Project) -> Iterator[Violation]:
    """Models, source tables and exposures have a description."""
    for node in (*project.models, *project.sources, *project.exposures):
        if not (node.get("description") or "").strip():
            fix = "say what a row is and what it is for"
            fix = "say what it predicts" if node["resource_type"] == "exposure" else fix
            yield Violation(declared_in(node), "description", f"{node['name']} has none", fix)


def columns(project: Project) -> Iterator[Violation]:
    """Every column that the SQL gives is described, and none that it does not give."""
    for node in (*project.models, *project.sources):
        documented = {column["name"].lower(): column for column in node["columns"].values()}
        given = project.lineage.columns.get(node["unique_id"], ())
        is_read = (
            node["resource_type"] == "model" and node["unique_id"] not in project.lineage.unread
        )
        for name in given if is_read else documented:
            if not (documented.get(name, {}).get("description") or "").strip():
                fix = "describe it: what it is, its unit, when it is null"
                yield Violation(
                    declared_in(node),
                    "description",
                    f"column {name} of {node['name']} has none",
                    fix,
                )
        for name in documented if is_read else ():
            if name not in given:
                fix = "take it out of the yml, or into the SQL"
                yield Violation(
                    declared_in(node), "description", f"{node['name']} gives no column {name}", fix
                )


def shared(project: Project) -> Iterator[Violation]:
    """A column that several tables have is described once, in a `docs` block."""
    found: dict[str, list[tuple[Node, Mapping[str, Any]]]] = {}
    for node in (*project.models, *project.sources):
        for column in node["columns"].values():
            found.setdefault(column["name"].lower(), []).append((node, column))
    for name, described in found.items():
        if len(described) >= SHARED:
            for node, column in described:
                if not column.get("doc_blocks"):
                    what = f"{node['name']} describes {name}, which {len(described)} tables have"
                    fix = "write {% docs %} once and {{ doc('" + name + "') }} here"
                    yield Violation(declared_in(node), "shared column", what, fix)


def owners(project: Project) -> Iterator[Violation]:
    """Models have a group with an owner, sources an owner in meta, exposures an owner."""
    groups = {group["name"]: group for group in project.manifest["groups"].values()}
    for node in project.models:
        group = groups.get(node.get("group") or node["config"].get("group") or "")
        if not group or not _reachable(group["owner"]):
            fix = "set config.group, and the group's owner with an email"
            yield Violation(node["original_file_path"], "owner", f"{node['name']} has none", fix)
    for node in (*project.sources, *project.exposures):
        is_source = node["resource_type"] == "source"
        owner = meta_of(node).get("owner") if is_source else node["owner"]
        if not _reachable(owner or {}):
            fix = f"set {'config.meta.owner' if is_source else 'owner'}: {{name: ..., email: ...}}"
            yield Violation(declared_in(node), "owner", f"{node['name']} has none", fix)


def freshness(project: Project) -> Iterator[Violation]:
    """A source table that files are taken into says when its newest day is too old."""
    for node in project.sources:
        limits = node.get("freshness") or {}
        is_limited = any(
            (limits.get(key) or {}).get("count") for key in ("warn_after", "error_after")
        )
        loaded = node.get("loaded_at_field") or node.get("loaded_at_query")
        if "ingest" in meta_of(node) and not (is_limited and loaded):
            fix = "set config.freshness and config.loaded_at_query (docs/analyst.md)"
            yield Violation(declared_in(node), "freshness", f"{node['name']} may stop unseen", fix)


def _reachable(owner: Mapping[str, Any]) -> bool:
    return bool(owner.get("email"))
