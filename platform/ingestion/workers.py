"""Spark's Python workers, forked from a process that has imported what every one of them needs.

Spark starts the module that `spark.python.daemon.module` names in place of `pyspark.daemon`. After
the fork, Pandera and what its first validation imports would cost every worker seconds.
"""

import pandas as pd
import pandera.pandas as pandera
from pyspark.daemon import manager

import ingestion.contract  # noqa: F401 - for the workers

if __name__ == "__main__":
    pandera.DataFrameSchema().validate(pd.DataFrame())
    manager()
