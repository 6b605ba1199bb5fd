"""What can go wrong, as a tree; every message says what failed, the value it had and the next step.

LeewayError
├── DeclarationError    a mistake in the dbt project: names file, key, value and fix
├── SetupError          the machine or the settings lack something
├── SqlError            a dbt model's SQL fails in DuckDB: names the file
├── LakeBusyError       the catalog stayed locked through every retry
├── QueryError          SQL that the lake cannot answer: DuckDB's words, and what to do
├── DeliveryError       a landing file cannot be taken in, and its table says that this is a failure
├── NeededColumnError   a changed dbt model lacks a column that a live version has learned from
├── UnsoundRowsError    training rows break a rule that their dbt models declare
├── RollbackError       a version cannot be gone back to: says why, and which can
├── NoEvidenceError     a step lacks what it needs on its day (rows, labels, a version)
├── AlertError          an address of LEEWAY_ALERT_URLS did not accept a message
├── DiskFullError       a disk has no room: names the folder and what is left
├── RegistryError       MLflow does not answer, or refuses
├── LostVersionError    MLflow no longer has a version that the ledger knows, or its files
└── RunFailedError      `leeway run` stops: a Dagster run failed, its id and first error are named
"""


class LeewayError(Exception):
    """Root of every error that Leeway raises on purpose."""


class DeclarationError(LeewayError):
    """A declaration in the dbt project is wrong."""

    def __init__(self, file: str, key: str, value: object, fix: str) -> None:
        self.file, self.key, self.value, self.fix = file, key, value, fix
        super().__init__(f"{file}: `{key}` is {value!r}: {fix}")


class SetupError(LeewayError):
    """The machine or the settings lack something that is needed to start."""


class SqlError(LeewayError):
    """A dbt model's SQL is wrong, or does not fit the rows."""

    def __init__(self, file: str, why: str) -> None:
        self.file, self.why = file, why
        super().__init__(f"{file} fails in DuckDB: {why}")


class LakeBusyError(LeewayError):
    """The lake's catalog stayed locked by another writer."""


class QueryError(LeewayError):
    """SQL on the lake that cannot be answered."""


class DeliveryError(LeewayError):
    """A landing file cannot be taken in."""


class NoEvidenceError(LeewayError):
    """A step lacks the rows, labels or model version that it needs."""


class RollbackError(LeewayError):
    """A version cannot be gone back to."""


class NeededColumnError(LeewayError):
    """A changed dbt model has removed or retyped what a live version needs."""


class UnsoundRowsError(LeewayError):
    """Rows that are about to be learned from break a declared rule."""


class AlertError(LeewayError):
    """An address did not accept a message; the address itself is never in the text."""


class DiskFullError(LeewayError):
    """A write failed for want of room; nothing half written is visible."""


class RegistryError(LeewayError):
    """MLflow does not answer, or has stopped answering."""


class LostVersionError(LeewayError):
    """MLflow answers, and has no such version or none of its files."""


class RunFailedError(LeewayError):
    """A Dagster run that `leeway run` started has failed."""

    def __init__(self, message: str, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(message)
