"""The tables that a model learns from, as assets."""

from dagster import AssetKey

from declaration import MlModel


def features_key(model: MlModel) -> AssetKey:
    """Return the asset of a model's features."""
    return AssetKey([model.features_schema, model.features.table])


def labels_key(model: MlModel) -> AssetKey:
    """Return the asset of a model's labels."""
    return AssetKey([model.label_schema, model.label.table])
