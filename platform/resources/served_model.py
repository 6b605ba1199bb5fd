"""The model as MLflow serves it: raw feature columns in, predictions out.

MLflow runs this file ("models from code") instead of unpickling an object.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):
    """Loads what `TabularModel.save` wrote, and predicts."""

    def load_context(self, context: Any) -> None:
        """Read weights and preprocessing from the artifact."""
        from ml.tabular import TabularModel

        self.fitted = TabularModel.load(Path(context.artifacts["fitted"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:
        """Return one prediction per row, shape [rows]."""
        del context, params
        return self.fitted.predict(pa.Table.from_pandas(model_input, preserve_index=False))


mlflow.models.set_model(ServedModel())
