"""What a registered version says of the columns that it takes and returns."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

    from ml.schema import Schema


def signature_of(columns: "Schema") -> "ModelSignature":
    """Return raw feature columns, any of which may be null, to predictions of the task."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns

    numbers = [ColSpec("double", name, required=False) for name in columns.numeric]
    texts = [ColSpec("string", name, required=False) for name in columns.categorical]
    names = columns.target.columns
    predictions = [ColSpec("double", name if len(names) > 1 else None) for name in names]
    return ModelSignature(Columns([*numbers, *texts]), Columns([*predictions]))


def example_of(columns: "Schema") -> "pd.DataFrame":
    """Return a row that shows what to send: a made-up one, nobody's features are shown."""
    import pandas as pd

    numbers = {name: [0.0] for name in columns.numeric}
    return pd.DataFrame({**numbers, **{name: ["a"] for name in columns.categorical}})
