"""What there is to predict: one file for each task, all of them keep the contract of `ml.task`.

METRICS: task → what it is judged by. A declaration needs these names, and nothing that computes.
"""

MULTICLASS = "multiclass"
METRICS = {"binary": "log_loss", MULTICLASS: "log_loss", "regression": "squared_error"}
