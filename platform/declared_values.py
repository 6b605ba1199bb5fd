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
