"""Relationships between raw tables, on real Spark and a real lake."""

from datetime import date

import pytest

from errors import DeliveryError
from ingestion import parents
from ingestion.parents import parent_keys
from ingestion.release import release
from replay import waiting

FIRST, SECOND = date(2024, 3, 1), date(2024, 3, 2)


@pytest.fixture
def shop(desk, sales, declare):
    """Customers, and sales whose customer must be one of them."""
    related = {"relationships": {"to": "customers", "field": "id"}}
    plain = [c for c in sales().columns if c.name != "customer"]
    desk.table = sales((*plain, declare("customer", pii=True, tests=related)))
    people = sales(
        (declare("id", pii=True), declare("_since")),
        path="{landing}/customers/{partition}.csv", event_time=None,
    )  # fmt: skip
    customers = people.model_copy(update={"name": "customers"})

    def register(day: date, *names: str) -> None:
        path = desk.landing / "customers" / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("id,_since\n" + "".join(f"{name},2024\n" for name in names))
        desk.take(day, table=customers)

    register.customers = customers
    return register


def sell(desk, day: date, *customers: str) -> list[tuple]:
    header = "order,sold_at,quantity,amount,channel,customer"
    lines = [f"{1000 + n},{day} 09:00:00,1,2.5,web,{name}" for n, name in enumerate(customers)]
    desk.land(day, *lines, header=header)
    desk.take(day)
    rejected = desk.rows("quarantine.sales")
    return sorted((row["_line"], row["_reasons"]) for row in rejected if row["_day"] == day)


def test_a_row_without_its_parent_is_rejected_and_a_withdrawn_parent_counts_no_more(
    desk, shop
) -> None:
    unknown = ["customer: relationships"]
    assert sell(desk, FIRST, "ann", "") == [(1, unknown)]
    shop(FIRST, "ann", "bob")
    assert sell(desk, SECOND, "ann", "eve", "bob") == [(2, unknown)]
    shop(FIRST, "ann", "eve")
    assert sell(desk, FIRST, "bob", "eve", "ann", "cid") == [
        (1, unknown),
        (1, unknown),
        (4, unknown),
    ]


def test_rejected_rows_are_judged_again_once_after_their_parent_has_come(desk, shop, lake) -> None:
    assert sell(desk, FIRST, "ann", "bob") == [(n, ["customer: relationships"]) for n in (1, 2)]
    assert waiting(lake, desk.table, None) == (1, [])
    shop(FIRST, "ann")
    assert waiting(lake, desk.table, None) == (1, [FIRST])
    [again] = desk.take(FIRST).deliveries
    assert (again.accepted, again.quarantined) == (1, 1)
    assert desk.visible(FIRST) == [(FIRST, 2.5)]
    assert (waiting(lake, desk.table, None), desk.take(FIRST).unchanged) == ((1, []), 1)
    (desk.landing / "customers" / f"{FIRST}.csv").unlink()
    desk.take(FIRST, table=shop.customers)
    assert waiting(lake, desk.table, None) == (1, [])
    release(lake, "customers", FIRST, "the list was a test", {})
    assert waiting(lake, desk.table, None) == (1, [FIRST])


def test_too_many_keys_are_refused_with_their_table(desk, shop, monkeypatch) -> None:
    monkeypatch.setattr(parents, "MOST_KEYS", 1)
    shop(FIRST, "ann")
    assert len(parent_keys(desk.lake, desk.table)["customers", "id"]) == 1
    shop(SECOND, "bob")
    with pytest.raises(DeliveryError, match=r"sales: relationships to customers\.id"):
        parent_keys(desk.lake, desk.table)
