"""Sketches in the lake: made once, made again where the day is another one."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

import ledger
from examples import features
from lifecycle import sketches
from lifecycle.predictions import Part, keep
from ml.merging import merge
from ml.sketch import DAILY, ColumnSketch, sketch

ONE_DAY = timedelta(days=1)


@pytest.fixture
def source(fresh) -> sketches.Source:
    return sketches.of_features(fresh.model)


def test_a_day_is_what_its_rows_are_without_keys(fresh, source) -> None:
    found = sketches.of_days(fresh.lake, source, [fresh.start, fresh.start + ONE_DAY])
    rows = features(fresh.lake, fresh.model, [fresh.start])
    assert list(found) == [fresh.start, fresh.start + ONE_DAY]
    assert found[fresh.start] == {
        name: sketch(rows[name], DAILY) for name in ("visits", "spend", "country")
    }


def test_kept_days_are_read_as_they_were_made_and_their_rows_are_not(fresh, source) -> None:
    made = sketches.of_days(fresh.lake, source, [fresh.start])
    change(fresh, fresh.start, "spend = 0")
    assert sketches.of_days(fresh.lake, source, [fresh.start]) == made


def test_a_day_that_was_built_again_is_sketched_again(fresh, source) -> None:
    sketches.of_days(fresh.lake, source, [fresh.start])
    change(fresh, fresh.start, "spend = 0")
    row = {"rows": 800, "checksum": fresh.model.features_checksum, "status": "passed"}
    key = {"table_name": source.table, "day": fresh.start}
    ledger.put(fresh.lake, "partitions", key, row)
    assert sketches.of_days(fresh.lake, source, [fresh.start])[fresh.start]["spend"].high == 0


def change(world, day: date, assignment: str) -> None:
    statement = f"update features.customer_features set {assignment} where as_of = ?"
    world.lake.transact(lambda connection: connection.execute(statement, [day]))


def test_predictions_that_are_replaced_are_sketched_again(fresh) -> None:
    source = sketches.of_predictions(fresh.model)

    def predict(value: float) -> ColumnSketch:
        rows = {"customer_id": ["a"], "as_of": [fresh.start], "prediction": [value], "version": [1]}
        part = Part(pa.table(rows), notes=[], skipped={})
        keep(fresh.lake, fresh.model, [fresh.start], [part], [])
        return sketches.of_days(fresh.lake, source, [fresh.start])[fresh.start]["prediction"]

    assert predict(0.25).points == (0.25,)
    assert predict(0.75).points == (0.75,)


def test_days_without_rows_have_none(fresh, source) -> None:
    assert sketches.of_days(fresh.lake, source, [fresh.start - ONE_DAY]) == {}


def test_days_together_are_close_to_their_rows_together(fresh, source) -> None:
    week = [fresh.start + n * ONE_DAY for n in range(7)]
    merged = merge(
        [table["spend"] for table in sketches.of_days(fresh.lake, source, week).values()]
    )
    whole = sketch(features(fresh.lake, fresh.model, week)["spend"])
    assert (merged.n, merged.low, merged.high) == (whole.n, whole.low, whole.high)
    for share in (0.1, 0.5, 0.9):
        at = int(share * len(whole.points))
        assert merged.points[int(share * len(merged.points))] == pytest.approx(
            whole.points[at], rel=0.02
        )
