"""Every rule that the structure of a dbt project has to keep."""

from project_structure import documentation, layers, naming, testing
from project_structure.project import Project, Violation

RULES = (
    naming.folders,
    naming.prefixes,
    naming.snake_case,
    naming.one_yml,
    naming.grain_first,
    layers.readers,
    layers.own_source,
    layers.hard_coded,
    layers.followed,
    testing.grain,
    testing.contracts,
    testing.unit_tests,
    documentation.tables,
    documentation.columns,
    documentation.shared,
    documentation.owners,
    documentation.freshness,
)


def violations(project: Project) -> list[Violation]:
    """Return what breaks a rule, by file."""
    return sorted({found for rule in RULES for found in rule(project)})
