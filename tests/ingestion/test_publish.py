"""What is published is what was counted, once, whoever else writes."""

from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
import pytest

import ledger
from errors import DeliveryError
from ingestion import take_in as module
from ingestion.audit import Counts
from ingestion.deliveries import newest_deliveries
from ingestion.landing import Landed
from ingestion.profile import Profile
from ingestion.publish import ACCEPTED, REJECTED, Delivery, create_all, publish
from ingestion.release import release
from resources.lake import Lake, attach, is_lock

DAY, OTHER = date(2024, 3, 1), date(2024, 3, 2)
EMPTY = Counts(0, 0)


def delivery(day: date, name: str = "0123456789abcdef", held: str | None = None) -> Delivery:
    """A delivery without a row."""
    return Delivery(Landed(day, None, None, name), EMPTY, Profile(), held)


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A prepared lake on either catalog."""
    (tmp_path / "data").mkdir()
    catalog = f"sqlite:{tmp_path}/catalog.sqlite"
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        catalog = f"postgres:{server.libpq(server.database())}"
    made = Lake(catalog=catalog, data=f"{tmp_path}/data/")
    ledger.prepare(made)
    return made


@pytest.mark.parametrize("is_old", [False, True], ids=["locks", "a lake without locks"])
def test_of_two_overlapping_transactions_one_publishes_and_the_other_must_try_again(
    either, sales, is_old: bool
) -> None:
    table = sales()
    create_all(either, [table])
    if is_old:
        with either.connect() as connection:
            connection.execute("delete from ledger.locks")
    work = partial(publish, table=table, deliveries=[delivery(DAY)], folder=None, horizons={})
    with (
        either.connect() as one,
        attach(either.catalog, either.data, either.threads) as two,
    ):
        two.execute("use lake")
        for connection in (one, two):
            connection.begin()
            work(connection)
        one.commit()
        with pytest.raises(duckdb.Error, match=r"conflict|locked") as refused:
            two.commit()
    assert is_lock(refused.value)
    assert either.rows("select count(*) as n from ledger.deliveries") == [{"n": 1}]
    with pytest.raises(DeliveryError, match="another run has taken in a delivery"):
        either.transact(work)
    again = partial(publish, table=table, deliveries=[delivery(OTHER)], folder=None, horizons={})
    either.transact(again)
    assert either.rows("select count(*) as n from ledger.locks") == [{"n": 1}]


def test_two_releases_that_overlap_do_not_both_commit(either, sales) -> None:
    table = sales()
    held = [delivery(DAY, held="unlike recent days")]
    either.transact(partial(publish, table=table, deliveries=held, folder=None, horizons={}))
    with attach(either.catalog, either.data, either.threads) as other:
        other.execute("use lake")
        other.begin()
        publish(other, table, [delivery(OTHER)], None, {})
        release(either, "sales", DAY, "it is fine", {})
        with pytest.raises(duckdb.Error, match=r"conflict|locked") as refused:
            other.commit()
    assert is_lock(refused.value)


def test_a_lake_under_an_odd_name_holds_every_row(desk, tmp_path: Path) -> None:
    folder = tmp_path / "h[1] x, *?{a}"
    (folder / "data").mkdir(parents=True)
    desk.lake = Lake(catalog=f"sqlite:{folder}/catalog.sqlite", data=f"{folder}/data/")
    ledger.prepare(desk.lake)
    good = f"{DAY} 09:00:00,1,2.5,ann,web"
    desk.land(DAY, f"1001,{good}", f"1002,{good}", "torn")
    [done] = desk.take(DAY).deliveries
    assert (done.accepted, done.quarantined) == (2, 1)
    assert (len(desk.rows()), len(desk.rows("quarantine.sales"))) == (2, 1)


@pytest.mark.parametrize("kind", [ACCEPTED, REJECTED])
def test_rows_that_are_lost_on_their_way_keep_the_delivery_out(
    desk, monkeypatch, kind: str
) -> None:
    desk.land(DAY, f"1001,{DAY} 09:00:00,1,2.5,ann,web", "torn")

    def loses(connection, table, deliveries, folder, horizons):
        for file in Path(folder, kind).rglob("*.parquet"):
            file.unlink()
        publish(connection, table, deliveries, folder, horizons)

    monkeypatch.setattr(module, "publish", loses)
    with pytest.raises(DeliveryError, match="sales 2024-03-01: 1 rows were accepted and 1 reject"):
        desk.take(DAY)
    assert desk.ledger() == []


def test_a_delivery_is_newer_than_the_one_before_whatever_the_clock_says(lake, sales) -> None:
    table = sales()
    first, second = delivery(DAY), replace(delivery(DAY, "f" * 16), replaces="0123456789abcdef")
    lake.transact(partial(publish, table=table, deliveries=[first], folder=None, horizons={}))
    with lake.connect() as connection:
        connection.execute("update ledger.deliveries set written_at = timestamp '2999-01-01'")
    lake.transact(partial(publish, table=table, deliveries=[second], folder=None, horizons={}))
    [newest] = newest_deliveries(lake, "sales", [DAY])
    assert newest["delivery"] == "f" * 16
    assert newest["written_at"] == datetime(2999, 1, 1, microsecond=1)
