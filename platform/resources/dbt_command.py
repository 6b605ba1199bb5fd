"""dbt's command line, as Dagster's assets run it."""

from collections.abc import Sequence

from dagster_dbt import DbtCliResource


class DbtCommand(DbtCliResource):
    """dbt without a second one in this process.

    For `.fetch_row_counts()` and the like, which nothing here calls (they know no lake that is
    attached to memory), dagster-dbt loads dbt's own adapter before every command, and parses all
    of its macros: a second of each step.
    """

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]
        """Load none."""
