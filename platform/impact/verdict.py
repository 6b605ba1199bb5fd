"""What the figures of a change mean: a pure function, so that every verdict can be explained."""

from collections.abc import Iterator, Sequence

from impact.report import (
    ChallengerImpact,
    ChampionImpact,
    ColumnImpact,
    Leak,
    TableImpact,
    Verdict,
)

# What another seed moves on a real shop (`ml.gate.refit_agrees`): less is the same model.
MOVED_SD = 0.05
FLIPPED = 0.01  # of the rows, at the operating point
ROWS = 0.01  # gained and lost, as a share of those before
NAMED = 5  # columns that a sentence lists

Found = tuple[Verdict, str]


def judge(
    features: TableImpact,
    label: TableImpact,
    label_column: str,
    champion: ChampionImpact | None,
    challenger: ChallengerImpact | None,
    leaks: Sequence[Leak],
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the gravest finding's verdict, with every reason that has it.

    features, label: with the columns that the model uses only.
    """
    found = [
        *_refused(features, label, label_column),
        *_cannot(champion),
        *((Verdict.BREAKING, f"{leak.column} may know the future: {leak.why}") for leak in leaks),
        *_moved(champion),
        *_differs(challenger),
        *_rows(features, label),
        *_label(label, label_column),
        *_harmless(features, label, champion, challenger),
    ]
    order = list(Verdict)
    gravest = max((verdict for verdict, _ in found), key=order.index)
    return gravest, tuple(why for verdict, why in found if verdict is gravest)


def _refused(features: TableImpact, label: TableImpact, label_column: str) -> Iterator[Found]:
    for table in (features, label):
        yield from ((Verdict.BREAKING, f"{table.table}: {fault}") for fault in table.faults)
        if table.repeated:
            why = f"{table.repeated:,} keys have several rows: the grain has changed"
            yield Verdict.BREAKING, f"{table.table}: {why}"
    gone = [c for c in label.columns if c.was and c.name == label_column and c.was != c.now]
    gone += [c for c in label.columns if c.renamed_from == label_column]
    for column in gone:
        yield Verdict.BREAKING, f"{label.table}: the label {label_column} is {column.what}"


def _cannot(champion: ChampionImpact | None) -> Iterator[Found]:
    if champion and champion.cannot:
        yield Verdict.BREAKING, champion.cannot


def _moved(champion: ChampionImpact | None) -> Iterator[Found]:
    if champion is None or champion.cannot:
        return
    if champion.moved_sd > MOVED_SD or (champion.flipped or 0) > FLIPPED:
        yield Verdict.RETRAIN, f"{_movement(champion)}: it has not learned from such rows"


def _differs(challenger: ChallengerImpact | None) -> Iterator[Found]:
    if challenger and challenger.differs:
        word = "better" if challenger.difference < 0 else "worse"
        yield (
            Verdict.RETRAIN,
            f"a version trained on the new rows is {word}: {_compared(challenger)}",
        )


def _rows(features: TableImpact, label: TableImpact) -> Iterator[Found]:
    for table in (features, label):
        if table.gained + table.lost > ROWS * max(1, table.rows_before):
            yield Verdict.RETRAIN, f"{table.table}: {_exchanged(table)}"


def _label(label: TableImpact, label_column: str) -> Iterator[Found]:
    for column in label.columns:
        if column.name == label_column and column.changed:
            why = f"{column.changed:.2%} of the labels change: what is predicted is another thing"
            yield Verdict.RETRAIN, f"{label.table}: {why}"


def _harmless(
    features: TableImpact,
    label: TableImpact,
    champion: ChampionImpact | None,
    challenger: ChallengerImpact | None,
) -> Iterator[Found]:
    tables = [table for table in (features, label) if not table.is_same]
    if not tables:
        how = "the SQL differs in layout only"
        if not (features.same_sql and label.same_sql):
            how = f"the SQL differs, and gives the same {features.rows_after:,} rows"
        yield Verdict.NO_EFFECT, how
        return
    for table in tables:
        yield Verdict.COMPATIBLE, f"{table.table}: {_difference(table)}"
    if champion and not champion.cannot:
        yield Verdict.COMPATIBLE, _movement(champion)
    if challenger:
        yield (
            Verdict.COMPATIBLE,
            f"training on the new rows is no different: {_compared(challenger)}",
        )


def _movement(champion: ChampionImpact) -> str:
    told = f"predictions of version {champion.version} move by {champion.moved:.4f}"
    told += f" ({champion.moved_sd:.3f} sd)"
    if champion.flipped is not None:
        told += f", {champion.flipped:.2%} of the rows change sides"
    return told


def _compared(challenger: ChallengerImpact) -> str:
    metric = challenger.metric.replace("_", " ")
    return (
        f"{metric} {challenger.difference:+.5f} {challenger.unit} a row "
        f"({challenger.low:+.5f}..{challenger.high:+.5f}; two seeds differ by "
        f"{challenger.seed_noise:.5f})"
    )


def _exchanged(table: TableImpact) -> str:
    told = f"{table.gained:,} rows gained and {table.lost:,} lost of {table.rows_before:,}"
    return f"{told} ({'; '.join(table.examples)})" if table.examples else told


def _difference(table: TableImpact) -> str:
    parts = [_exchanged(table)] if table.gained or table.lost else []
    groups = {
        "added": [c for c in table.columns if c.is_added],
        "renamed": [c for c in table.columns if c.renamed_from],
        "removed": [c for c in table.columns if c.now is None],
        "changed": [c for c in table.columns if c.was and c.now],
    }
    parts += [f"{word} {_named(columns)}" for word, columns in groups.items() if columns]
    return ", ".join(parts)


def _named(columns: Sequence[ColumnImpact]) -> str:
    names = [f"{c.name} ({c.changed:.2%})" if c.changed else c.name for c in columns[:NAMED]]
    more = f" and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
    return ", ".join(names) + more
