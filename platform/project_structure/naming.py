"""Names and places: whoever reads a name knows the layer, and finds the file."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from declared_values import yml_of
from project_structure.project import Project, Violation, layer_of

SNAKE = re.compile(r"[a-z_][a-z0-9_]*")
GRAIN = re.compile(r"\A(?:version: 2\s+)?# Grain: \S")


def folders(project: Project) -> Iterator[Violation]:
    """Every model lies in the folder of a layer."""
    for node in project.models:
        if layer_of(node) is None:
            fix = "move it to models/staging/<source>, models/intermediate or models/features"
            yield Violation(node["original_file_path"], "layer", "it lies in no layer", fix)


def prefixes(project: Project) -> Iterator[Violation]:
    """`stg_<source>__<table>` in the folder of its source, `int_`, features without a prefix."""
    for node in project.models:
        name, layer = node["name"], layer_of(node)
        file = node["original_file_path"]
        folder = PurePosixPath(file).parent.name
        starts = {"staging": f"stg_{folder}__", "intermediate": "int_"}.get(layer or "", "")
        if not name.startswith(starts):
            what = f"{name} does not start with {starts}"
            yield Violation(file, "name", what, f"call it {starts}{name.split('__')[-1]}")
        elif layer == "features" and name.startswith(("stg_", "int_")):
            fix = "name it for what a row is, like customer_features"
            yield Violation(file, "name", f"{name} is named like another layer", fix)


def snake_case(project: Project) -> Iterator[Violation]:
    """Names of models and of the columns that their SQL gives are lower case."""
    for node in project.models:
        for name in (node["name"], *node["columns"]):
            if not SNAKE.fullmatch(name):
                fix = "use small letters, digits and _"
                yield Violation(
                    node["original_file_path"], "name", f"{name!r} is not snake_case", fix
                )


def one_yml(project: Project) -> Iterator[Violation]:
    """A model is documented beside its SQL, in a yml of the same name; so is a source."""
    for node in project.models:
        file, yml = node["original_file_path"], yml_of(node)
        wanted = str(PurePosixPath(file).with_suffix(".yml"))
        if yml != wanted:
            what = f"it is documented in {yml}" if yml else "no yml documents it"
            yield Violation(file, "one yml", what, f"write {wanted}")
    for node in project.sources:
        file, source = PurePosixPath(node["original_file_path"]), node["source_name"]
        wanted = f"models/staging/{source}/_{source}__sources.yml"
        if file.name != f"_{source}__sources.yml" or file.parent.name != source:
            yield Violation(str(file), "one yml", f"it declares source {source}", f"write {wanted}")


def grain_first(project: Project) -> Iterator[Violation]:
    """A model's yml opens with its grain."""
    for node in project.models:
        yml = yml_of(node)
        if yml and not GRAIN.match((project.root / yml).read_text()):
            fix = "open it with `# Grain: one row per (...).`, after `version: 2` where that stands"
            yield Violation(yml, "grain", f"it does not say what a row of {node['name']} is", fix)
