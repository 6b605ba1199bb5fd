"""Evidently's scores of sketches, its history and our page."""

import re
import sys
from datetime import date
from pathlib import Path
from subprocess import run

import numpy as np
import pyarrow as pa
import pytest
from evidently.ui.workspace import Workspace

from ml import drift, drift_history
from ml.distance import score
from ml.drift_page import page
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


def test_the_page_shows_the_worst_columns_first_and_is_small_and_alone(
    report: drift.DriftReport, sides: Sides
) -> None:
    html = page("drift <of> a day", *sides, report, worst=2)
    assert re.findall(r"<h2>(\w+): ", html) == ["shifted", "country"]
    assert re.findall(r"<tr><td>(\w+)</td>", html)[:3] == ["gone", "shifted", "country"]
    assert "drift &lt;of&gt; a day" in html
    assert not re.search(r"<script|<link|src=.http", html)
    assert len(html) < 1_000_000


def test_evidently_keeps_a_report_of_each_day_and_drops_the_oldest(
    report: drift.DriftReport, sides: Sides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_history, "KEPT", 2)
    for day in (3, 1, 2, 2):
        drift_history.remember(tmp_path, "buyers", date(2024, 5, day), *sides, report)
    workspace = Workspace.create(str(tmp_path))
    (project,) = workspace.list_projects()
    found = [workspace.get_run(project.id, run) for run in sorted(workspace.list_runs(project.id))]
    assert project.name == "buyers"
    assert [run.timestamp.date() for run in found if run] == [date(2024, 5, 2), date(2024, 5, 3)]


def test_a_report_is_kept_without_a_look_at_those_before(
    report: drift.DriftReport, sides: Sides, tmp_path: Path
) -> None:
    drift_history.remember(tmp_path, "buyers", date(2024, 5, 1), *sides, report)
    (first,) = tmp_path.glob("*/snapshots/*.json")
    first.write_text("cut off")
    drift_history.remember(tmp_path, "buyers", date(2024, 5, 2), *sides, report)
    assert len(list(tmp_path.glob("*/snapshots/*.json"))) == 2


def test_nothing_to_compare_is_a_finding_for_every_column() -> None:
    empty = sketch_table(pa.table({"a": pa.array([], pa.float64()), "b": pa.nulls(0)}))
    report = drift.measure(empty, empty)
    assert [c.score for c in report.columns] == [None, None]
    assert report.findings[0] == "a has no values in 0 reference rows"
    assert "<img" not in page("nothing", empty, empty, report)


def test_the_alarms_do_not_import_evidently() -> None:
    code = "import sys, ml.drift, ml.feature_alarm, ml.policy; print('evidently' in sys.modules)"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
