"""Every verdict follows from figures, and says which."""

from impact.report import (
    ChallengerImpact,
    ChampionImpact,
    ColumnImpact,
    Leak,
    TableImpact,
    Verdict,
)
from impact.verdict import judge

LABEL = TableImpact(table="labels", file="l.sql", same_sql=True, rows_before=9, rows_after=9)
SAME = TableImpact(table="features", file="f.sql", same_sql=False, rows_before=9, rows_after=9)
ADDED = ColumnImpact(name="new", was=None, now="INTEGER")
CHANGED = ColumnImpact(name="old", was="INTEGER", now="INTEGER", changed=0.25)
STILL = ChampionImpact(version=3, rows=9, moved=0.001, moved_sd=0.01, flipped=0.0)


def features(**values) -> TableImpact:
    return SAME.model_copy(update=values)


def trained(difference: float, low: float, high: float, noise: float = 0.001) -> ChallengerImpact:
    return ChallengerImpact(
        metric="log_loss", unit="nats", seeds=(7, 8), train_rows=9, test_rows=9, test_days=3,
        before=0.4, after=0.4 + difference, difference=difference, low=low, high=high,
        seed_noise=noise,
    )  # fmt: skip


def said(table: TableImpact, label=LABEL, champion=STILL, challenger=None, leaks=()) -> tuple:
    verdict, reasons = judge(table, label, "bought", champion, challenger, leaks)
    return verdict, "; ".join(reasons)


def test_the_same_rows_have_no_effect() -> None:
    assert said(SAME) == (Verdict.NO_EFFECT, "the SQL differs, and gives the same 9 rows")
    layout = features(same_sql=True)
    assert said(layout) == (Verdict.NO_EFFECT, "the SQL differs in layout only")


def test_added_columns_and_small_movements_are_compatible() -> None:
    verdict, why = said(features(columns=(ADDED, CHANGED)), challenger=trained(-0.002, -0.004, 0.1))
    assert verdict is Verdict.COMPATIBLE
    assert "added new, changed old (25.00%)" in why
    assert "predictions of version 3 move by 0.0010 (0.010 sd), 0.00% of the rows change" in why
    assert "log loss -0.00200 nats a row (-0.00400..+0.10000; two seeds differ by 0.00100)" in why


def test_predictions_that_move_ask_for_a_new_version() -> None:
    for moved in ({"moved_sd": 0.06}, {"flipped": 0.02}):
        champion = STILL.model_copy(update=moved)
        verdict, why = said(features(columns=(CHANGED,)), champion=champion)
        assert verdict is Verdict.RETRAIN
        assert "it has not learned from such rows" in why


def test_a_difference_counts_beyond_the_days_and_the_seeds_chance() -> None:
    table = features(columns=(ADDED,))
    assert said(table, challenger=trained(-0.01, -0.02, -0.001))[0] is Verdict.RETRAIN
    assert "is worse" in said(table, challenger=trained(0.01, 0.001, 0.02))[1]
    within_seeds = trained(-0.01, -0.02, -0.001, noise=0.02)
    assert said(table, challenger=within_seeds)[0] is Verdict.COMPATIBLE
    within_days = trained(-0.01, -0.03, 0.01)
    assert said(table, challenger=within_days)[0] is Verdict.COMPATIBLE


def test_other_rows_and_other_labels_ask_for_a_new_version() -> None:
    verdict, why = said(features(gained=2, lost=1, examples=("gained 4",)))
    assert (verdict, why) == (Verdict.RETRAIN, "features: 2 rows gained and 1 lost of 9 (gained 4)")
    label = ColumnImpact(name="bought", was="INTEGER", now="INTEGER", changed=0.5)
    other = LABEL.model_copy(update={"columns": (label,), "same_sql": False})
    assert said(SAME, label=other)[0] is Verdict.RETRAIN


def test_what_a_live_version_cannot_stand_is_breaking_and_only_that_is_told() -> None:
    cannot = ChampionImpact(version=3, cannot="m version 3 cannot score: ...")
    assert said(features(columns=(CHANGED,)), champion=cannot) == (Verdict.BREAKING, cannot.cannot)
    assert said(features(faults=("contract: ...",)))[0] is Verdict.BREAKING
    assert said(features(repeated=2)) == (
        Verdict.BREAKING,
        "features: 2 keys have several rows: the grain has changed",
    )
    leak = Leak(column="new", why="it tells the label")
    assert said(features(columns=(ADDED,)), leaks=[leak]) == (
        Verdict.BREAKING,
        "new may know the future: it tells the label",
    )
    gone = LABEL.model_copy(
        update={"columns": (ColumnImpact(name="bought", was="INTEGER", now=None),)}
    )
    assert said(SAME, label=gone)[0] is Verdict.BREAKING


def test_without_a_live_version_a_removed_column_breaks_nothing() -> None:
    gone = ColumnImpact(name="old", was="INTEGER", now=None)
    verdict, why = said(features(columns=(gone,)), champion=None)
    assert (verdict, why) == (Verdict.COMPATIBLE, "features: removed old")
