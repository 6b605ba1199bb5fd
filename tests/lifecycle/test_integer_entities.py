"""Entities that are numbers, whose order as numbers is not that of their text."""

from datetime import timedelta

import ledger
from examples import features, labelled
from lifecycle.evaluation import kept_predictions

ONE_DAY = timedelta(days=1)
FIRST = 500  # so that some have three digits and some four


def test_a_model_of_integer_entities_is_promoted_scored_and_measured(
    make_world, rows, shop_model
) -> None:
    at = rows.schema.get_field_index("customer_id")
    numbers = [FIRST + int(text[1:]) for text in rows["customer_id"].to_pylist()]
    model = shop_model.model_copy(update={"name": "numbered"})
    world = make_world(rows.set_column(at, "customer_id", [numbers]), model)
    day, lake = world.first_decision, world.lake
    world.decide(day)
    verdict = world.train(day)
    assert verdict["promoted"], verdict["reasons"]
    for kept in kept_predictions(lake, model, day).values():
        tested = labelled(lake, model, sorted(set(kept["as_of"].to_pylist())))
        assert list(map(str, tested["customer_id"].to_pylist())) == kept["customer_id"].to_pylist()
    world.live_through(day + ONE_DAY, day + 12 * ONE_DAY)
    assert ledger.champion_on(lake, model.name, day + ONE_DAY) == verdict["version"]
    measured = lake.rows("select rows from ml.numbered_performance")
    assert [row["rows"] for row in measured] == [800] * 5
    asked = features(lake, model, [day])["customer_id"].to_pylist()
    assert asked == sorted(range(FIRST, FIRST + 800), key=str)
