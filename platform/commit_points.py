"""Named moments between two effects that are not one transaction: a crash at each must heal.

Fault injection: a process that has `LEEWAY_EXIT_AT` set to a name below ends there, with exit
status 137 and without cleaning up, as `kill -9` would end it. `tests/test_crashes.py` visits them
all, but for what happens in no undisturbed history.
"""

import os

VARIABLE, STATUS = "LEEWAY_EXIT_AT", 137
POINTS = {
    "rows-written": "Spark has written a delivery's files, nothing of it is published",
    "delivery-published": "rows and ledger are committed, Dagster does not know",
    "features-written": "dbt has written a table's days, its tests have not run",
    "features-built": "dbt has finished, Dagster does not know",
    "training-set-kept": "the manifest is kept, nothing is trained",
    "epoch-told": "MLflow has an epoch's losses, its weights are in the checkpoint only",
    "candidate-logged": "MLflow has the candidate's files, no version names them",
    "candidate-registered": "MLflow has the candidate's version, the ledger has no row",
    "candidate-kept": "the ledger has the candidate, nothing is evaluated",
    "evaluation-kept": "the scores are kept, the test predictions are not",
    "evaluated": "scores and test predictions are kept, the gate has not judged",
    "refit-logged": "MLflow has the refit's files, no version names them",
    "refit-registered": "MLflow has the refit's version, the ledger has no row",
    "refit-kept": "the ledger has the refit, it is neither compared nor calibrated",
    "refit-calibrated": "the refit can be watched, the verdict is not written",
    "promotion-kept": "the ledger names the new champion, MLflow's alias the old one",
    "alias-moved": "ledger and alias agree, Dagster does not know",
    "predictions-kept": "a span is scored, Dagster does not know",
    "performance-kept": "a span's losses are kept, Dagster does not know",
    "sketches-kept": "days are summarised, nothing is compared with them",
    "report-published": "MLflow has the drift report, the lake has no checks",
    "drift-kept": "findings are kept, the ledger's checks are those of before",
    "checks-kept": "a day is watched, it is not decided",
    "rollback-kept": "the ledger names the version gone back to, MLflow's alias the one before",
    "decision-kept": "a day is decided, with its alert; nobody is told, nothing is started",
    "alerts-sent": "messages are out, the ledger does not know: they are sent once more",
}


def reached(name: str) -> None:
    """End the process where it was told to end at this point; a misspelt name is a KeyError."""
    if POINTS[name] and os.environ.get(VARIABLE) == name:
        os._exit(STATUS)
