"""The champion beside candidates whose features are made by other SQL than those it has learned."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from declaration import MlModel
from lifecycle.own_features import own_features
from ml.evidence import Keys
from ml.schema import Schema
from resources.lake import Lake


def learned_by(lake: Lake, model: MlModel, version: int | None) -> str | None:
    """Return the checksum of the features that a version has learned from, None where unknown."""
    query = "select features from ledger.versions where model = ? and version = ?"
    found = lake.rows(query, [model.name, version]) if version is not None else []
    return found[0]["features"] if found else None


def is_moved(lake: Lake, model: MlModel, manifest: Mapping[str, Any]) -> bool:
    """Return whether the candidates of a training set know other features than their champion."""
    return _other(lake, model, manifest) is not None


def comparable(
    lake: Lake, model: MlModel, manifest: Mapping[str, Any], test: pa.Table, columns: Schema
) -> tuple[pa.Table, pa.Table]:
    """Return the test rows that both sides can predict, and the same rows as the champion's.

    Rows that only one version of the features has are left out: another grain, other entities.
    Where the champion's SQL is not kept, both are the test rows.
    """
    other = _other(lake, model, manifest)
    if other is None:
        return test, test
    days: list[date] = sorted(set(test[model.time].to_pylist()))
    own = own_features(lake, model, days, other)
    if own.foreign:
        return test, test
    rows = own.rows(lake)
    mine, theirs = Keys.of(rows, columns).pairs(), Keys.of(test, columns).pairs()
    both = set(mine) & set(theirs)
    return _among(test, theirs, both), _among(rows, mine, both)


def _other(lake: Lake, model: MlModel, manifest: Mapping[str, Any]) -> str | None:
    """The checksum of the champion's features, None where the candidates know the same."""
    known = learned_by(lake, model, manifest["champion"])
    return None if known == manifest["dbt"][model.features.table] else known


def _among(rows: pa.Table, keys: list[tuple[str, Any]], wanted: set[tuple[str, Any]]) -> pa.Table:
    return rows.filter(pa.array([key in wanted for key in keys], pa.bool_()))
