from datetime import date
from itertools import pairwise

import pyarrow as pa
import pytest

from point_in_time.compare import ABSENT, KNOWN, PRESENT, RECOMPUTED, STORED, compare, values
from point_in_time.findings import Finding, Origin
from point_in_time.sample import sampled
from point_in_time.search import Asked, Search, narrow
from point_in_time.words import reason

NAN = float("nan")


def rows(**values: tuple) -> pa.Table:
    """A table of customers with a count and a share."""
    kinds = {"n": pa.int32(), "share": pa.float64()}
    return pa.table(
        {
            "customer_id": list(values),
            **{
                name: pa.array([value[i] for value in values.values()], kind)
                for i, (name, kind) in enumerate(kinds.items())
            },
        }
    )


def versions(known: pa.Table, stored: pa.Table, recomputed: pa.Table) -> dict[str, pa.Table]:
    return {KNOWN: known, STORED: stored, RECOMPUTED: recomputed}


def test_nulls_and_nan_are_equal_to_themselves_whatever_the_rows_order() -> None:
    known = rows(ann=(1, None), bob=(None, NAN))
    same = known.take([1, 0])
    assert compare(versions(known, same, known), "customer_id", 3) == ([], [])


def test_a_null_is_not_a_zero_and_each_version_is_counted_by_itself() -> None:
    known = rows(ann=(1, None), bob=(2, 0.5), cay=(3, 0.5))
    stored = rows(ann=(1, 0.0), bob=(2, 0.5), cay=(3, 0.5))
    now = rows(ann=(1, 0.0), bob=(2, 0.25), cay=(4, 0.5))
    counts, cells = compare(versions(known, stored, now), "customer_id", 1)
    assert [(c.column, c.stored, c.recomputed) for c in counts] == [("n", 0, 1), ("share", 1, 2)]
    assert [(c.column, c.entity, c.known, c.stored, c.recomputed) for c in cells] == [
        ("n", "cay", "3", "3", "4"),
        ("share", "ann", None, "0.0", "0.0"),
    ]


def test_a_row_that_one_version_lacks_counts_as_a_row_and_not_as_cells() -> None:
    known, more = rows(ann=(1, 1.0)), rows(ann=(1, 1.0), bob=(2, 2.0))
    counts, [cell] = compare(versions(known, more, known), "customer_id", 3)
    assert [(c.column, c.stored, c.recomputed) for c in counts] == [(None, 1, 0)]
    assert (cell.entity, cell.known, cell.stored, cell.recomputed) == (
        "bob", ABSENT, PRESENT, ABSENT,
    )  # fmt: skip
    assert values(known, "customer_id", [cell]) == [ABSENT]
    assert values(more, "customer_id", [cell]) == [PRESENT]


def test_a_sample_is_spread_drawn_again_by_its_seed_and_half_of_it_tells_most() -> None:
    days = [date.fromordinal(730_000 + n) for n in range(100)]
    telling = days[40:44]
    drawn = sampled(days, telling, 12, seed=1)
    assert drawn == sampled(days, telling, 12, seed=1) != sampled(days, telling, 12, seed=2)
    assert set(telling) <= set(drawn)
    assert len(set(drawn)) == 12
    gaps = [(b - a).days for a, b in pairwise(drawn)]
    assert max(gaps) < 26
    assert sampled(days[:3], [], 12, seed=1) == tuple(days[:3])
    assert sampled([], telling, 12, seed=1) == ()


def test_a_search_ends_between_two_days_that_were_asked_for_and_shares_what_it_asks() -> None:
    first, last = date(2024, 1, 1), date(2024, 7, 1)
    turns = [date(2024, 2, 3), date(2024, 2, 3), date(2024, 5, 30)]
    asked = Asked(lambda day, only: [str(day >= turn) for turn in turns], 100)
    searches = [Search(n, lambda value: value == "True", first, last) for n in range(3)]
    narrow(searches, asked)
    assert [search.after for search in searches] == turns
    assert all(search.is_exact for search in searches)
    assert {day for day, _ in asked.known} >= {s.before for s in searches}
    assert len(asked.known) < 16


def test_a_search_that_may_ask_no_more_says_between_which_days_it_has_come_to() -> None:
    search = Search(0, lambda value: value == "True", date(2024, 1, 1), date(2024, 7, 1))
    turn = date(2024, 2, 3)
    narrow([search], Asked(lambda day, only: [str(day >= turn)], 2))
    assert search.before < turn <= search.after
    assert not search.is_exact


@pytest.mark.parametrize(
    ("made_on", "more", "told"),
    [
        (date(2024, 1, 3), 0, "right as known on 2024-01-02, not on 2024-01-03: orders of"),
        (date(2024, 2, 1), 2, ", this value from 2024-02-01 on: orders of 2024-01-03 (delivery d"),
    ],
)
def test_a_reason_says_what_was_tried(made_on: date, more: int, told: str) -> None:
    day = date(2024, 1, 3)
    finding = Finding(
        column="n",
        entity="ann",
        known="1",
        stored="2",
        recomputed="2",
        why="later",
        known_until=date(2024, 1, 2),
        moved_on=day,
        made_on=made_on,
        origins=[Origin(table="orders", day=day, delivery="d", known_from=day)],
        more_origins=more,
    )
    assert told in reason(finding)
    assert reason(finding).endswith(" and 2 more" if more else "known from 2024-01-03)")
