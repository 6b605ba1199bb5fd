"""`leeway impact`: what the edits of the working tree mean to every ML model."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter

from filelock import FileLock, Timeout

from declaration import MlModel
from declared import declared, exposure_of, table_id
from errors import DeclarationError, SetupError
from examples import exists
from impact.asked import Asked, opened
from impact.base import base_of
from impact.changes import Changes, changes
from impact.model import Sampled, model_impact
from impact.report import Impact, ModelImpact, Verdict
from impact.sample import sampled
from resources.lake import Lake, lake_of
from resources.registry import registry_of
from resources.settings import Settings

Tell = Callable[[str], None]


def impact(
    settings: Settings, days: int, reference: str | None = None, tell: Tell = lambda _: None
) -> Impact:
    """Compare the working tree of the dbt project with a commit, on rows of the lake.

    days: sampled at most. reference: the commit, by default where the branch has left `main`. The
    lake, MLflow and git are only read. Raises SetupError outside git, without a lake, or where the
    base does not compile; NoEvidenceError where nothing has been built yet.
    """
    started = perf_counter()
    base = base_of(settings.dbt_project_dir, reference)
    lake = lake_of(settings)
    require_lake(lake, settings)
    with folder(settings) as place:
        tell("compiling both states of the dbt project")
        found = changes(settings, base, place)
    models, looked_at = _models(settings, lake, found, days, tell)
    return Impact(
        base=base.name,
        commit=base.commit,
        files=found.files,
        days=looked_at,
        models=models,
        seconds=round(perf_counter() - started, 1),
    )


@contextmanager
def folder(settings: Settings) -> Iterator[Path]:
    """Yield an empty folder that is removed afterwards, by the next call where this one is killed.

    Raises SetupError where another call is at work in this home.
    """
    place = settings.home / "impact"
    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place / ".lock", timeout=0):
            for left in place.glob("work-*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(dir=place, prefix="work-") as made:
                yield Path(made)
    except Timeout:
        raise SetupError(
            f"another `leeway impact` is compiling in {settings.home}: wait for it"
        ) from None


def require_lake(lake: Lake, settings: Settings) -> None:
    """Raise SetupError where there is no lake, or one without deliveries: nothing is made."""
    kind, _, where = settings.lake_catalog.partition(":")
    if kind == "sqlite" and not Path(where).exists():
        raise SetupError(
            f"there is no lake at {where}: set LEEWAY_HOME (or LEEWAY_LAKE_CATALOG) to the "
            "installation whose rows the change is to be tried on"
        )
    known = exists(lake, "ledger", "deliveries")
    if not known or not lake.rows("select 1 from ledger.deliveries limit 1"):
        raise SetupError(
            f"the lake of {settings.home} has no deliveries: load days first (`leeway run`)"
        )


def _models(
    settings: Settings, lake: Lake, found: Changes, days: int, tell: Tell
) -> tuple[tuple[ModelImpact, ...], tuple[date, ...]]:
    """What becomes of every model that the base declares, and the days that were looked at."""
    before = declared(found.old)
    try:
        after = declared(found.new) if found.new else None
    except DeclarationError as error:
        found, after = replace(found, new=None, error=str(error)), None
    if after is None:
        return tuple(_broken(model, found.error) for model in before.models), ()
    if not found.modified:
        return tuple(_untouched(model) for model in before.models), ()
    known = {model.name: model for model in after.models}
    told, looked_at = [], set[date]()
    with opened(lake) as connection:
        asked = Asked(connection)
        for model in before.models:
            if model.name not in known:
                told.append(_broken(model, f"its exposure is gone from {model.file}"))
            elif not concerned(found, model):
                told.append(_untouched(model))
            else:
                chosen = sampled(connection, model, days)
                looked_at |= set(chosen)
                at = Sampled(lake, registry_of(settings), asked, found, chosen, tell)
                told.append(model_impact(at, model, known[model.name]))
    return tuple(told), tuple(sorted(looked_at))


def concerned(found: Changes, model: MlModel) -> bool:
    """Whether something that differs reaches a model: its exposure, its tables, or their tests."""
    assert found.new is not None
    names = (model.features.table, model.label.table)
    tables = {table_id(found.old, model.name, name) for name in names}
    reached = {*found.modified, *found.reached}
    tests = (found.new["nodes"].get(i, {}) for i in found.modified if i.startswith("test."))
    tested = {parent for test in tests for parent in test.get("depends_on", {}).get("nodes", ())}
    exposure = exposure_of(found.old, model.name)["unique_id"]
    return bool(reached & {*tables, exposure} or tested & tables)


def _broken(model: MlModel, why: str) -> ModelImpact:
    return ModelImpact(model=model.name, verdict=Verdict.BREAKING, reasons=(why,))


def _untouched(model: MlModel) -> ModelImpact:
    why = "nothing that its tables are made of differs"
    return ModelImpact(model=model.name, verdict=Verdict.NO_EFFECT, reasons=(why,))
