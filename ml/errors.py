"""What can go wrong in `ml`, as a tree; a message says what failed, the value and the next step.

ModelError
├── SchemaError      a table does not have the columns or types that a model needs
├── SplitError       days or rows cannot be split as asked
├── EstimatorError   an estimator's name, or what it leads to, cannot be trained or loaded
├── TrainingError    rows or labels cannot be trained on, or the loss left the numbers
├── ArtifactError    a saved model cannot be read
└── ReplayError      a history cannot be replayed as asked
"""


class ModelError(Exception):
    """Root of every error that `ml` raises on purpose."""


class SchemaError(ModelError):
    """A table lacks a column, or a column has a type that a model cannot take."""


class SplitError(ModelError):
    """Days or rows cannot be split as asked."""


class EstimatorError(ModelError):
    """An estimator is not known, or does not keep its contract."""

    def __init__(self, name: str, fix: str) -> None:
        self.name, self.fix = name, fix
        super().__init__(f"estimator {name!r}: {fix}")


class TrainingError(ModelError):
    """A model cannot be trained on these rows."""


class ArtifactError(ModelError):
    """A saved model cannot be read."""


class ReplayError(ModelError):
    """A history cannot be replayed as asked."""
