"""The page of a model card: complete, small, without a network, and nothing in it is code."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.card import Card, Part, render
from ml.evaluation import evaluate
from ml.ranges import ranges
from ml.schema import Schema
from ml.verdict import Check

EVIL = "<script>alert('x')</script>"
ROWS = 1000


@pytest.fixture(scope="module")
def card() -> Card:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, ROWS)
    test = pa.table(
        {
            "customer_id": [f"c{n}" for n in range(ROWS)],
            "as_of": pa.array(np.repeat(np.datetime64("2024-03-01"), ROWS)),
            "visits": pa.array(rng.poisson(3, ROWS), mask=rng.random(ROWS) < 0.1),
            "country": [EVIL if n % 3 else "DE" for n in range(ROWS)],
            "bought": labels,
        }
    )
    columns = Schema.of(test.schema, entity="customer_id", time="as_of", label="bought")
    predictions = {
        "candidate window": np.where(labels == 1, 0.7, 0.2) + rng.normal(0, 0.02, ROWS),
        "champion": np.full(ROWS, 0.5),
    }
    return Card(
        model="repeat_purchase",
        task=columns.target,
        version=3,
        description=f"Will they buy again? {EVIL}",
        owner="growth@example.com",
        promoted=True,
        reasons=(f"better {EVIL}",),
        identity={"decision day": "2024-03-31"},
        data={"training set": "0a1b", EVIL: EVIL},
        left_out={"2024-02-01": f"held: {EVIL}"},
        parts=(Part("train", 4000, "40 days"),),
        judged="candidate window",
        evaluation=evaluate(test, columns, predictions, ["country"]),
        checks=(Check(f"loss growth where country is {EVIL}", False, 0.031, "<= 0.02"),),
        importance={"visits": 1.0, EVIL: 0.25},
        lineage={"features.customer_features": ("model.shop.int_days",), EVIL: ()},
        limits=(f"No level but {EVIL}",),
        ranges=ranges(test, columns.features),
    )


def test_every_part_of_a_card_is_on_the_page(card) -> None:
    page = render(card)
    for text in (
        "repeat_purchase, version 3", "growth@example.com", "Promoted", "2024-03-31", "0a1b",
        "4,000", "candidate window", "champion", "Guarded slices", "0.031", "&lt;= 0.02",
        "model.shop.int_days", "not known", "median 3", "DE (334)", "country is DE",
    ):  # fmt: skip
        assert text in page, text


def test_names_and_values_from_data_are_text_and_never_code(card) -> None:
    page = render(card)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_a_page_needs_no_network_and_is_small(card) -> None:
    page = render(card)
    assert len(page.encode()) < 200_000
    assert "default-src 'none'" in page
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]{0,20})""", page)
    assert links == ["data:image/png;base6"]


def test_a_card_is_the_same_whenever_it_is_rendered(card) -> None:
    assert render(card) == render(card)


def test_a_candidate_without_test_rows_has_a_card_that_says_so(card) -> None:
    page = render(replace(card, evaluation=None, promoted=False))
    assert "nothing was measured" in page
    assert "Refused" in page


def test_only_the_largest_of_very_many_slices_are_shown(card) -> None:
    [(name, by_column)] = list(card.evaluation.slices.items())[:1]
    metrics = by_column["country"]["DE"]
    many = {"country": {f"level {n}": {**metrics, "rows": n} for n in range(250)}}
    found = replace(card.evaluation, slices=dict.fromkeys(card.evaluation.slices, many))
    page = render(replace(card, evaluation=found))
    assert "the largest 100 of 250" in page
    assert "level 249<" in page
    assert "level 149<" not in page
    assert name == card.judged


def test_ranges_tell_numbers_levels_and_missing_values() -> None:
    rows = pa.table(
        {
            "spend": [1.5, 2.5, None, 9.0],
            "country": ["DE", "FR", "DE", None],
            "empty": pa.nulls(4, pa.float64()),
            "code": pa.array(list("abcd")),
        }
    )
    spend, country, empty, code = ranges(rows, rows.column_names)
    assert (spend.missing, spend.seen) == (0.25, "1.5 to 9, median 2.5")
    assert country.seen == "DE (2), FR (1)"
    assert (empty.missing, empty.seen) == (1.0, "no value")
    assert code.seen == "a (1), b (1), c (1), d (1)"


def test_of_many_levels_the_most_frequent_are_named() -> None:
    rows = pa.table({"code": [f"level {n:02}" for n in range(30)]})
    assert ranges(rows, ["code"])[0].seen.endswith("level 11 (1) and 18 more")
