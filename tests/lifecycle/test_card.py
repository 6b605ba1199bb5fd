"""The model card of a promoted version: gathered from lake and MLflow, opened from Dagster."""

import re

import pytest
from dagster import DagsterInstance, materialize

import ledger
from assets.models import model_assets
from assets.partitions import daily
from errors import NoEvidenceError
from lifecycle import card

UPSTREAM = ("model.shop.int_days", "source.shop.orders")


@pytest.fixture(scope="module")
def described(history):
    """The world's model, with what an exposure and a dbt project say of it."""
    told = {"description": "Will they buy again?", "features_upstream": UPSTREAM}
    return history.model.model_copy(update=told)


@pytest.fixture(scope="module")
def cards(history, described) -> dict[int, str]:
    """Where the cards of the first decision open, by version."""
    return card.publish(history.lake, history.registry, described, history.first_decision)


@pytest.fixture(scope="module")
def pages(history, cards) -> dict[str, str]:
    """The pages as MLflow keeps them, by kind of version."""
    rows = history.lake.rows("select * from ledger.versions order by version")
    assert [row["version"] for row in rows] == sorted(cards)
    return {row["kind"]: history.registry.read(row["mlflow_run"], "card.html") for row in rows}


def test_the_judged_candidate_and_what_went_live_have_a_card_each(history, cards) -> None:
    verdict = ledger.verdict_on(history.lake, history.model.name, history.first_decision)
    assert list(cards) == [verdict["candidate"], verdict["version"]]
    for url in cards.values():
        assert url.startswith(history.registry.url)
        assert url.endswith("/artifacts/card.html")


@pytest.mark.parametrize("kind", ["candidate", "refit"])
def test_a_card_tells_what_a_version_was_made_from_and_how_it_was_judged(
    history, pages, kind
) -> None:
    page = pages[kind]
    [row] = history.lake.rows("select * from ledger.versions where kind = ?", [kind])
    verdict = ledger.verdict_on(history.lake, history.model.name, history.first_decision)
    expected = (
        "Will they buy again?", "growth@example.com", str(history.first_decision), row["recipe"],
        row["training_set"], str(row["snapshot"]), "made by customer_features", "made by dbt",
        "base_rate", "logistic", "lightgbm", "candidate window", "country is DE", "country is FR",
        *UPSTREAM, "visits", "spend", "7 days", "Promoted",
        *(check["name"] for check in verdict["checks"]),
    )  # fmt: skip
    for text in expected:
        assert text in page, text
    assert len(page.encode()) < 1_000_000


def test_a_refit_says_whose_metrics_its_card_has_and_what_it_learned_from(history, pages) -> None:
    trained = {k: int(re.search(r"<td>train</td><td>([\d,]+)", p)[1].replace(",", ""))
               for k, p in pages.items()}  # fmt: skip
    verdict = ledger.verdict_on(history.lake, history.model.name, history.first_decision)
    assert f"refit of version {verdict['candidate']}, which was judged" in pages["refit"]
    assert "metrics and checks are those of version" not in pages["candidate"]
    assert trained["refit"] > trained["candidate"]


def test_the_asset_of_the_champion_links_its_card(history, cards) -> None:
    assets = model_assets(history.model, daily(history.start, "UTC"))
    with DagsterInstance.ephemeral() as instance:
        done = materialize(
            assets,
            selection=[assets[-1]],
            partition_key=str(history.first_decision),
            resources={"lake": history.lake, "registry": history.registry},
            instance=instance,
        )
    [found] = done.asset_materializations_for_node("repeat_purchase__champion")
    version = found.metadata["version"].value
    assert found.metadata["card"].value == cards[version]


def test_days_left_out_are_told_with_why(lake, shop_model) -> None:
    row = {"model": shop_model.name, "day": "2024-02-03", "reason": "nulls in visits"}
    lake.transact(lambda connection: ledger.insert(connection, "incidents", row))
    manifest = {
        "blocked_days": ["2024-02-03", "2024-02-01"],
        "unfit_days": {"2024-02-02": "customer_features failed in_range (3 rows)"},
    }
    assert card.left_out(lake, shop_model, manifest) == {
        "2024-02-01": "a held delivery had left it, or its label, without rows",
        "2024-02-02": "customer_features failed in_range (3 rows)",
        "2024-02-03": "nulls in visits",
    }


def test_a_day_that_was_not_judged_has_no_card(history) -> None:
    with pytest.raises(NoEvidenceError, match="no verdict of 2024-01-01"):
        card.publish(history.lake, history.registry, history.model, history.start)
