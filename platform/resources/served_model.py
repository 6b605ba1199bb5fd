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

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:
        """Return one prediction per row, shape [rows]."""
        del context, params
        return self.fitted.predict(pa.Table.from_pandas(model_input, preserve_index=False))


mlflow.models.set_model(ServedModel())
