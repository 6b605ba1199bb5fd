"""What would a policy have done on a history: the decisions, gate and training of production.

Nothing but the history is in memory: no Dagster, no MLflow, no lake.
"""
