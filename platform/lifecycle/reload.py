"""Predict with a registered version in a clean process, as a server that knows nothing would."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from errors import LeewayError
from ml.schema import Floats
from resources.registry import Registry
from resources.settings import CHECKOUT

WITHIN = 600  # seconds, which a process of one's own estimator may need; nothing else waits for it
CLEAN = """
import sys
from pathlib import Path
import numpy, pyarrow.parquet
from ml.estimators import estimator
name, *places = sys.argv[1:]
folder, rows, out = map(Path, places)
numpy.save(out, estimator(name).load(folder).predict(pyarrow.parquet.read_table(rows)))
"""


def reloaded_predictions(
    registry: Registry, model: str, version: int, rows: pa.Table, declared: tuple[str, ...] = ()
) -> Floats:
    """Return predictions that a new process makes from the registered artifact.

    declared: estimators that may be imported, see `Registry.load`. Raises LeewayError with the
    process's own error where it fails, or where it takes more than `WITHIN`.
    """
    name = registry.estimator_of(model, version, declared)
    with tempfile.TemporaryDirectory() as place:
        folder = registry.download(model, version, Path(place))
        table, out = Path(place) / "rows.parquet", Path(place) / "predictions.npy"
        pq.write_table(rows, table)
        try:
            done = subprocess.run(
                [sys.executable, "-c", CLEAN, name, str(folder), str(table), str(out)],
                cwd=CHECKOUT,
                capture_output=True,
                text=True,
                check=False,
                timeout=WITHIN,
            )
        except subprocess.TimeoutExpired:
            raise LeewayError(
                f"{model} {version} does not load and predict {rows.num_rows} rows within "
                f"{WITHIN} s in a clean process: see what {name} does when it is loaded"
            ) from None  # a run shows the first cause's words alone
        if done.returncode != 0:
            raise LeewayError(
                f"{model} {version} does not load in a clean process:\n{done.stderr.strip()}"
            )
        return np.load(out)
