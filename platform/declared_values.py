"""One value of a dbt node, parsed by Pydantic; a mistake names file, key, value and fix."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from declaration import choose
from errors import DeclarationError

T = TypeVar("T", bound=BaseModel)


def meta_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config.meta` of a node, where dbt keeps it for this kind of node."""
    return (node.get("config") or {}).get("meta") or node.get("meta") or {}


def yml_of(node: Mapping[str, Any]) -> str | None:
    """Return the yml file that documents a model, or None."""
    return (node.get("patch_path") or "").partition("://")[2] or None


def declared_in(node: Mapping[str, Any]) -> str:
    """Return the file in which a node's columns and tests are declared, or would be."""
    return yml_of(node) or str(node["original_file_path"])


def table_of(node: Mapping[str, Any]) -> tuple[str, str]:
    """Return schema and name of a node's table or view in the lake."""
    return node["schema"], node.get("identifier") or node.get("alias") or node["name"]


def parse(kind: type[T], values: Any, file: str, prefix: str) -> T:
    """Return the values as `kind`; raises DeclarationError at the first that does not fit."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([prefix, *(str(part) for part in first["loc"])])
        fix = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            *place, name = (str(part) for part in first["loc"])
            fix = f"unknown key: {choose(name, _fields(kind, place))}"
        raise DeclarationError(file, key, first["input"], fix) from error


def _fields(kind: Any, place: list[str]) -> list[str]:
    """Return the keys that stand at a place inside a declaration."""
    for name in place:
        kind = kind.model_fields[name].annotation
    return list(kind.model_fields)
