"""Evidently's scores of sketches, and its page."""

import re
import sys
from subprocess import run

import numpy as np
import pyarrow as pa
import pytest

from ml import drift
from ml.distance import score
from ml.sketch import ColumnSketch, sketch_table

Sides = tuple[dict[str, ColumnSketch], dict[str, ColumnSketch]]


@pytest.fixture(scope="module")
def sides() -> Sides:
    random = np.random.default_rng(0)
    rows = 3_000

    def side(shift: float) -> dict[str, ColumnSketch]:
        columns = {
            "shifted": random.normal(size=rows) + shift,
            "steady": random.normal(size=rows),
            "zeros": np.zeros(rows),
            "gone": pa.array([1.0 if shift == 0 else None] * rows, pa.float64()),
            "country": random.choice(
                ["GB", "FR", "DE"], rows, p=[0.5 + shift / 5, 0.3, 0.2 - shift / 5]
            ),
        }
        return sketch_table(pa.table(columns))

    return side(0.0), side(0.5)


@pytest.fixture(scope="module")
def report(sides: Sides) -> drift.DriftReport:
    return drift.measure(*sides)


def test_the_worst_column_comes_first_and_one_without_values_before_it(
    report: drift.DriftReport,
) -> None:
    assert [c.column for c in report.columns][:3] == ["gone", "shifted", "country"]
    assert report.findings == ("gone has no values in 3000 current rows",)
    assert report.columns[0].null_share_current == 1


def test_the_scores_are_those_of_the_alarm(report: drift.DriftReport, sides: Sides) -> None:
    for column in report.columns[1:]:
        expected = score(sides[0][column.column], sides[1][column.column])
        assert column.score == pytest.approx(expected, abs=0.002)


def test_a_column_of_zeros_has_not_drifted(report: drift.DriftReport) -> None:
    assert [c.score for c in report.columns if c.column == "zeros"] == [0]


def test_the_page_shows_only_the_worst_columns_and_loads_nothing(
    report: drift.DriftReport, sides: Sides
) -> None:
    page = drift.render(*sides, report, worst=1)
    assert re.findall(r"Drift in column '(\w+)'", page) == ["shifted"]
    assert "<script src=" not in page
    assert '<link rel="stylesheet" href="http' not in page


def test_nothing_to_compare_is_a_finding_for_every_column() -> None:
    empty = sketch_table(pa.table({"a": pa.array([], pa.float64()), "b": pa.nulls(0)}))
    report = drift.measure(empty, empty)
    assert [c.score for c in report.columns] == [None, None]
    with pytest.raises(ValueError, match="a has no values in 0 reference rows"):
        drift.render(empty, empty, report)


def test_the_alarms_do_not_import_evidently() -> None:
    code = "import sys, ml.drift, ml.feature_alarm, ml.policy; print('evidently' in sys.modules)"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
