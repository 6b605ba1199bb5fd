"""What a change means to one ML model, step by step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

import ledger
from declaration import MlModel
from declared import table_id
from impact import leaks
from impact.asked import Asked
from impact.challenger import (
    challenger_impact,
    judged_alike,
    split_of,
    trained,
    unlearnable,
    with_label,
)
from impact.changes import Changes
from impact.report import ChallengerImpact, ChampionImpact, Leak, ModelImpact, TableImpact
from impact.scored import champion_impact, unable
from impact.tables import Table, table_impact
from impact.verdict import judge
from lifecycle.guard import types_of
from resources.lake import Lake
from resources.registry import Registry


@dataclass(frozen=True)
class Sampled:
    """All that a model is looked at with; days ascend."""

    lake: Lake
    registry: Registry
    asked: Asked
    changes: Changes
    days: Sequence[date]
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Learned:
    """What two trainings have shown, or why there were none."""

    challenger: ChallengerImpact | None
    leaks: tuple[Leak, ...]
    left_out: tuple[str, ...]


def model_impact(at: Sampled, before: MlModel, after: MlModel) -> ModelImpact:
    """Return what becomes of a model; before, after: as the two states declare it."""
    at.tell(f"{before.name}: rows of {len(at.days)} days by old and new SQL")
    features, label = _tables(at, before, after)
    used = _used(features.impact, before, after), _label_only(label.impact, before, after)
    version = ledger.champion_on(at.lake, before.name, date.max)
    champion, learned = None, Learned(None, (), ())
    differs = not all(table.is_same for table in used) or before.features != after.features
    if differs and features.new is not None:
        champion = _champion(at, before, version, features, label)
        learned = _learned(at, before, after, features, label, used[0])
    left_out = list(learned.left_out)
    if version is None:
        left_out.append("no version is live: nothing was scored")
    verdict, reasons = judge(
        *used, before.label.column, champion, learned.challenger, learned.leaks
    )
    return ModelImpact(
        model=before.name,
        verdict=verdict,
        reasons=reasons,
        tables=(features.impact, label.impact),
        champion=champion,
        challenger=learned.challenger,
        leaks=learned.leaks,
        left_out=tuple(left_out),
    )


def _tables(at: Sampled, before: MlModel, after: MlModel) -> tuple[Table, Table]:
    """The features and the label table; an exposure may name others than before."""
    assert at.changes.new is not None
    keys = (before.entity, before.time)
    pairs = ((before.features, after.features), (before.label, after.label))
    found = [
        table_impact(
            at.asked,
            at.changes,
            (
                table_id(at.changes.old, before.name, then.table),
                table_id(at.changes.new, after.name, now.table),
            ),
            at.days,
            keys,
        )
        for then, now in pairs
    ]
    return found[0], found[1]


def _champion(
    at: Sampled, model: MlModel, version: int | None, features: Table, label: Table
) -> ChampionImpact | None:
    """The live version on the rows that old and new SQL have in common."""
    if version is None or features.old is None or features.new is None:
        return None
    why = unable(at.lake, at.registry, model, version, types_of(features.new))
    if why or label.old is None or features.impact.repeated:
        return ChampionImpact(version=version, cannot=why) if why else None
    at.tell(f"{model.name}: version {version} on old and new rows")
    keys = [model.entity, model.time]
    old = with_label(model, features.old, label.old)
    new = with_label(model, features.new, label.old)
    common = new.select(keys).join(old.select(keys), keys, join_type="inner")
    rows = [
        with_label(model, part.drop([model.label.column]), _labels(common, old, model))
        for part in (old, new)
    ]
    return champion_impact(at.registry, model, version, *rows)


def _labels(common: pa.Table, old: pa.Table, model: MlModel) -> pa.Table:
    keys = [model.entity, model.time]
    return common.join(old.select([*keys, model.label.column]), keys, join_type="inner")


def _learned(
    at: Sampled,
    before: MlModel,
    after: MlModel,
    features: Table,
    label: Table,
    used: TableImpact,
) -> Learned:
    """Train on old and on new rows, and look for columns that know the future."""
    broken = [*features.impact.faults, *label.impact.faults]
    if broken or features.impact.repeated or label.impact.repeated:
        return Learned(None, (), ("nothing was trained: the new rows would be refused",))
    assert features.old is not None
    assert features.new is not None
    assert features.query is not None
    if label.new is None or before.label.column not in label.new.column_names:
        return Learned(None, (), ("nothing was trained: the label is gone",))
    suspects = [c for c in used.columns if c.now and (c.is_added or c.changed)]
    names = [column.name for column in suspects]
    at.tell(f"{before.name}: {len(names)} columns as they were known on the day")
    keys = (before.entity, before.time)
    found = list(leaks.changes_later(at.asked, features.query, at.days, keys, names))
    split = split_of(after, at.days)
    old, new = (
        with_label(m, rows, label.new)
        for m, rows in ((before, features.old), (after, features.new))
    )
    why = unlearnable(split, old, before) or unlearnable(split, new, after)
    if split is None or why:
        return Learned(None, leaks.by_column(found), (f"nothing was trained: {why}",))
    old, new = judged_alike(after, split, old, new)
    then = trained(before, split, old, "old rows", at.tell)
    now = trained(after, split, new, "new rows", at.tell)
    found += leaks.too_good(after, new, split, names, then)
    return Learned(challenger_impact(after, then, now), leaks.by_column(found), ())


def _used(table: TableImpact, before: MlModel, after: MlModel) -> TableImpact:
    """A features table with the columns that the model learns from, then or now."""
    unused = {*before.features.exclude} & {*after.features.exclude}
    columns = tuple(column for column in table.columns if column.name not in unused)
    return table.model_copy(update={"columns": columns})


def _label_only(table: TableImpact, before: MlModel, after: MlModel) -> TableImpact:
    """A labels table with the label; another label than before is a fault of it."""
    name = before.label.column
    columns = tuple(c for c in table.columns if name in (c.name, c.renamed_from))
    then, now = ((m.task, m.label.table, m.label.column) for m in (before, after))
    if then == now:
        return table.model_copy(update={"columns": columns})
    why = (
        f"{before.name} predicts {'.'.join(now[1:])} ({now[0]}) now, and {'.'.join(then[1:])} "
        f"({then[0]}) before: give what predicts something else an exposure of its own"
    )
    return table.model_copy(update={"columns": columns, "faults": (*table.faults, why)})
