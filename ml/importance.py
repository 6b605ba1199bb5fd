"""How much a model uses each column, without labels.

Source: L. Breiman, Random forests, Machine Learning 45 (2001), with the change of the prediction in
place of the loss: a column may matter before its labels have matured.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from ml.schema import Floats


def importance(
    predict: Callable[[pa.Table], Floats], rows: pa.Table, columns: Sequence[str], seed: int
) -> dict[str, float]:
    """Mean absolute change of the prediction when a column is shuffled, the largest being 1.

    All are 1 where no column changes anything: nothing is known to be unimportant then.
    """
    usual = predict(rows)
    random = np.random.default_rng(seed)
    changes = {}
    for name in columns:
        shuffled = rows[name].take(pa.array(random.permutation(rows.num_rows)))
        place = rows.schema.get_field_index(name)
        changed = predict(rows.set_column(place, rows.schema.field(name), shuffled))
        changes[name] = float(np.abs(changed - usual).mean())
    largest = max(changes.values(), default=0.0)
    return {name: change / largest if largest else 1.0 for name, change in changes.items()}
