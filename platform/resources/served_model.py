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
    """Loads what the version's estimator has saved, and predicts.

    An estimator of the user's own must be on the Python path of whoever serves it.
    """

    def load_context(self, context: Any) -> None:
        """Read weights and preprocessing from the artifact."""
        from ml.estimators import estimator

        made_by = estimator(context.model_config["estimator"])
        self.fitted = made_by.load(Path(context.artifacts["fitted"]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: Any = None
    ) -> np.ndarray | pd.DataFrame:
        """Return one prediction per row, shape [rows]; of classes a column for each."""
        del context, params
        rows = pa.Table.from_pandas(model_input, preserve_index=False)
        predictions, task = self.fitted.predict(rows), self.fitted.schema.target
        several = len(task.columns) > 1
        return task.table(predictions).to_pandas() if several else predictions


mlflow.models.set_model(ServedModel())
