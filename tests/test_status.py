import json
import re
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel

import ledger
from declared import declared
from lifecycle import champions
from resources.settings import CHECKOUT
from status import Status, status

DAY, MODEL = date(2024, 5, 1), "repeat_purchase"


def documented() -> dict[str, list[str]]:
    """Keys of docs/status.md's tables, by the description that stands above each."""
    tables: dict[str, list[str]] = {}
    for section in (CHECKOUT / "docs" / "status.md").read_text().split("\n## ")[1:]:
        about = section.split("\n")[2]
        tables[about] = re.findall(r"^\| (?!key |---)(\w+) \|", section, re.MULTILINE)
    return tables


def promised(schema: dict[str, Any]) -> dict[str, list[str]]:
    kinds = [schema, *schema["$defs"].values()]
    return {kind["description"]: list(kind["properties"]) for kind in kinds}


def test_the_documentation_lists_every_key_of_the_json() -> None:
    assert documented() == promised(Status.model_json_schema())


def deliver(lake, day: date, status: str, read: int, accepted: int, reason: str = "") -> None:
    row = {
        "table_name": "order_lines", "day": day, "delivery": f"{day}{status}{read}", "file": "f",
        "rows_read": read, "rows_accepted": accepted, "rows_quarantined": read - accepted,
        "status": status, "reason": reason or None, "known_from": day,
    }  # fmt: skip
    lake.transact(lambda connection: ledger.insert(connection, "deliveries", row))


def test_an_empty_lake_has_a_state_too(parsed, lake) -> None:
    found = status(lake, declared(parsed))
    assert found.tables["order_lines"].days == 0
    assert found.models[MODEL].champion is None
    assert found.alerts == []


def test_counts_are_those_of_the_newest_delivery_of_each_day(parsed, lake) -> None:
    deliver(lake, DAY, "superseded", read=10, accepted=9)
    deliver(lake, DAY, "published", read=12, accepted=12)
    deliver(lake, DAY + timedelta(days=1), "held", read=5, accepted=0, reason="reject rate")
    table = status(lake, declared(parsed)).tables["order_lines"]
    assert (table.days, table.files, table.rows_read) == (2, 2, 17)
    assert (table.rows_accepted, table.rows_quarantined) == (12, 5)
    assert table.held == {DAY + timedelta(days=1): "reject rate"}


def test_a_held_day_that_was_repaired_waits_for_nobody(parsed, lake) -> None:
    deliver(lake, DAY, "held", read=5, accepted=0, reason="reject rate")
    deliver(lake, DAY, "published", read=5, accepted=5)
    assert status(lake, declared(parsed)).tables["order_lines"].held == {}


def test_a_model_s_state_is_what_the_ledger_says(parsed, lake) -> None:
    for n in range(7):
        row = {"kind": "none", "lane": "normal", "reasons": f'["{n}"]', "evidence": "{}"}
        ledger.put(lake, "decisions", {"model": MODEL, "as_of": DAY + timedelta(days=n)}, row)
    verdict = {
        "version": 2, "candidate": 1, "promoted": True, "lane": "normal", "reasons": ["better"],
        "evidence": "{}",
    }  # fmt: skip
    champions.keep_verdict(lake, {"model": MODEL, "as_of": DAY}, verdict, None)
    model = status(lake, declared(parsed)).models[MODEL]
    assert (model.champion, model.champion_since) == (2, DAY + timedelta(days=1))
    assert [decision.reasons for decision in model.decisions] == [["6"], ["5"], ["4"], ["3"], ["2"]]
    assert model.promotions[0].reasons == ["better"]


def test_the_json_is_plain(parsed, lake) -> None:
    deliver(lake, DAY, "held", read=5, accepted=0, reason="reject rate")
    found: BaseModel = status(lake, declared(parsed))
    table = json.loads(found.model_dump_json())["tables"]["order_lines"]
    assert table["held"] == {"2024-05-01": "reject rate"}
