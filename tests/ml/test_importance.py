"""Permutation importance of a known function."""

import numpy as np
import pyarrow as pa

from ml.importance import importance

RANDOM = np.random.default_rng(0)
ROWS = pa.table({name: RANDOM.normal(size=2000) for name in ("twice", "once", "never")})


def predict(rows: pa.Table) -> np.ndarray:
    return 2 * rows["twice"].to_numpy() + rows["once"].to_numpy()


def test_a_column_counts_by_how_much_it_moves_the_prediction() -> None:
    found = importance(predict, ROWS, ROWS.column_names, seed=1)
    assert found["twice"] == 1
    assert 0.45 < found["once"] < 0.55
    assert found["never"] == 0


def test_where_nothing_matters_nothing_is_called_unimportant() -> None:
    assert importance(lambda rows: np.zeros(rows.num_rows), ROWS, ["once", "never"], 1) == {
        "once": 1.0,
        "never": 1.0,
    }
