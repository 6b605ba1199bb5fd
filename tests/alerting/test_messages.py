from datetime import date

import pytest

from alerting.messages import KINDS, digest, single

DAY = date(2024, 5, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_which_day_why_and_the_next_step(kind: str) -> None:
    message = single(DAY, kind, "orders", "the reason", "http://dagster.example/")
    assert message.title.startswith("Leeway: orders 2024-05-01: ")
    reason, _, step = message.body.partition("\nNext: ")
    assert reason == "the reason"
    assert step
    assert "{" not in message.title + message.body


def test_a_kind_without_words_of_its_own_is_told_by_its_name() -> None:
    message = single(DAY, "rollback", "model", "worse", "http://dagster.example")
    assert message.title == "Leeway: model 2024-05-01: rollback"
    assert message.body == "worse\nNext: `leeway status`"


def test_a_reason_with_braces_is_told_as_it_is() -> None:
    assert single(DAY, "held", "orders", "{day}", "u").body.startswith("{day}\n")


def test_a_digest_of_few_lines_has_nothing_more() -> None:
    message = digest({"held": 2}, ["one", "two"])
    assert message.title == "Leeway: 2 alerts: 2 held"
    assert message.body.startswith("one\ntwo\nNext: ")


def test_a_failed_day_is_not_said_to_be_repaired_by_its_raw_rows() -> None:
    step = single(DAY, "features", "customers", "a test found rows", "u").body
    assert "changed SQL or a changed rule" in step
    assert "from a later day on" in step
