import os
import select
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cli import app
from declared import declared
from errors import SetupError
from ingestion.take_in import Loader, take_in
from resources.settings import CHECKOUT
from simulation.scale import LEAST, MOST, Scale, shop_of, simulate_lines, write_day
from simulation.vocabulary import NO_PRODUCTS

ENDLESS = """
import multiprocessing, sys
from pathlib import Path
from resources.settings import CHECKOUT
from simulation.scale import Scale, simulate_lines
def tell(done, of):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
simulate_lines(Path(sys.argv[1]), Scale(lines=10**8, days=3650, seed=3), 2, tell)
"""
SCALE = Scale(lines=240_000, days=120, seed=3)
COLUMNS = ["invoice", "code", "name", "quantity", "time", "price", "customer", "country"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate_lines(tmp_path_factory.mktemp("scale"), SCALE, processes=2)


@pytest.fixture(scope="module")
def lines(made, lines_of):
    return lines_of(made.dumps)


@pytest.fixture(scope="module")
def sound(lines):
    numbers = lines[["price", "quantity"]].apply(pd.to_numeric, errors="coerce")
    whole = lines[(lines.fields == len(COLUMNS)) & numbers.notna().all(axis=1)]
    return whole.assign(price=whole.price.astype(float), quantity=whole.quantity.astype(int))


def contents(summary):
    return {path.name: path.read_bytes() for path in sorted(summary.dumps.iterdir())}


def test_one_process_writes_the_same_bytes_as_two(tmp_path, made):
    assert contents(simulate_lines(tmp_path, SCALE, processes=1)) == contents(made)


def test_another_seed_gives_other_days(tmp_path, made):
    day = int(np.flatnonzero(SCALE.calendar.open)[0])
    write_day(tmp_path, replace(SCALE, seed=4), day)
    [file] = tmp_path.iterdir()
    assert file.read_bytes() != contents(made)[file.name]


def test_there_are_about_as_many_lines_as_asked_for_and_the_summary_counts_them(made, lines):
    assert len(lines) == pytest.approx(SCALE.lines, rel=0.03)
    assert (made.files, made.lines) == (SCALE.open_days, len(lines))
    assert (made.first, made.last) == (date(2024, 1, 1), date(2024, 4, 29))


def test_writing_again_changes_nothing_and_goes_on_after_an_interruption(tmp_path):
    small = Scale(lines=2_000, days=5, seed=3)
    first = contents(simulate_lines(tmp_path, small, processes=1))
    next((tmp_path / "order_lines").iterdir()).unlink()
    assert contents(simulate_lines(tmp_path, small, processes=1)) == first


def test_dumps_of_another_shop_are_never_overwritten(tmp_path):
    small = Scale(lines=2_000, days=5, seed=3)
    other = tmp_path / "order_lines" / "2024-01-03.csv.gz"
    other.parent.mkdir()
    other.write_bytes(b"another shop's")
    with pytest.raises(SetupError, match="exists with other content"):
        simulate_lines(tmp_path, small, processes=1)
    assert other.read_bytes() == b"another shop's"
    with pytest.raises(SetupError, match="outside the 5 days from 2024-02-01"):
        simulate_lines(tmp_path, replace(small, start=date(2024, 2, 1)), processes=1)


@pytest.mark.skipif(sys.platform != "linux", reason="children end by a Linux call")
def test_a_killed_command_takes_its_processes_with_it(tmp_path):
    command = [sys.executable, "-c", ENDLESS, str(tmp_path)]
    path = {"PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}"}
    main = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | path)
    handles = [os.pidfd_open(int(pid)) for pid in main.stdout.readline().split()]
    main.kill()
    main.communicate()
    assert len(handles) == 2
    for handle in handles:
        assert select.select([handle], [], [], 60)[0]
        os.close(handle)


def test_headers_are_those_of_the_real_dumps(made, read_dump, real_dumps):
    headers = [read_dump(path)[0] for path in sorted(made.dumps.iterdir())]
    before, after = read_dump(real_dumps[0])[0], read_dump(real_dumps[-1])[0]
    half = headers.index(after)
    assert headers == [before] * half + [after] * (len(headers) - half)
    assert abs(half - len(headers) / 2) <= 1


def test_the_dirt_has_the_shares_of_a_real_shop(lines, sound):
    shares = {
        "broken": (1 - len(sound) / len(lines), 0.0005, 0.002),
        "no customer": ((sound.customer == "").mean(), 0.16, 0.20),
        "cancelled": (sound.invoice.str.startswith("C").mean(), 0.003, 0.03),
        "repeats": (sound.duplicated().mean(), 0.01, 0.035),
        "padded": ((sound.name != sound.name.str.strip()).mean(), 0.1, 0.3),
        "odd": (sound.name.str.contains("  ").mean(), 0.02, 0.04),
        "price zero": ((sound.price == 0).mean(), 0.001, 0.01),
        "no products": (sound.code.isin([code for code, _ in NO_PRODUCTS]).mean(), 0.002, 0.02),
    }
    assert {name: s for name, (s, low, high) in shares.items() if not low < s < high} == {}
    assert set(lines.fields) == {5, 8, 9}


def test_cancelled_and_corrected_lines_have_negative_quantities_and_others_positive(sound):
    cancelled, free = sound.invoice.str.startswith("C"), sound.price == 0
    assert (sound.quantity[cancelled] < 0).all()
    assert (sound.quantity[~cancelled & ~free] > 0).all()
    written_off = sound[~cancelled & (sound.quantity < 0)]
    assert set(written_off.name) == {"damaged", ""}
    assert set(written_off.customer) == {""}


def test_invoices_are_numbered_through_and_each_has_one_time_customer_and_country(sound):
    by_invoice = sound.groupby("invoice")[["time", "customer", "country"]].nunique()
    assert (by_invoice == 1).all(axis=None)
    numbers = sound.invoice.str.removeprefix("C").drop_duplicates().astype(int)
    assert numbers.is_unique
    assert (np.diff(numbers) == 1).all()
    assert len(sound) / len(numbers) == pytest.approx(20, abs=2)


def test_times_lie_on_the_files_day_and_in_opening_hours(sound):
    time = pd.to_datetime(sound.time, format="%Y-%m-%d %H:%M:%S")
    assert (time.dt.strftime("%Y-%m-%d") == sound.day).all()
    assert time.dt.hour.between(8, 17).all()


def test_customers_come_back_the_recent_and_frequent_ones_more_often(sound):
    known = sound[(sound.customer != "") & ~sound.invoice.str.startswith("C")]
    days = known[["customer", "day"]].drop_duplicates()
    days["day"] = pd.to_datetime(days.day)
    on = pd.Timestamp(SCALE.start) + timedelta(days=100)
    seen = days[(days.day <= on) & (days.day > on - timedelta(days=90))]
    active = seen.groupby("customer").day.agg(["max", "count"])
    ahead = days[(days.day > on) & (days.day <= on + timedelta(days=14))]
    again = active.index.isin(ahead.customer)
    recent, frequent = active["max"] > on - timedelta(days=14), active["count"] > 3
    assert 0.2 < again.mean() < 0.45
    assert again[recent].mean() > 2 * again[active["max"] < on - timedelta(days=60)].mean()
    assert again[frequent].mean() > 2 * again[active["count"] == 1].mean()


def test_customers_grow_with_the_lines_of_a_day_not_with_the_days():
    alive = {
        scale: len(shop_of(scale).crowd.first)
        for scale in (SCALE, replace(SCALE, lines=2 * SCALE.lines))
    }
    small, large = alive.values()
    assert large == pytest.approx(2 * small, rel=0.05)


def test_real_ingestion_takes_the_dumps_and_rejects_the_broken_lines_only(
    tmp_path, lake, spark, parsed, read_dump
):
    scale = Scale(lines=6_000, days=4, seed=3)
    summary = simulate_lines(tmp_path / "landing", scale, processes=1)
    [table] = declared(parsed).tables
    days = [scale.start + timedelta(days=number) for number in range(scale.days)]
    landing, staging = str(tmp_path / "landing"), tmp_path / "staging"
    loader = Loader(lake, lambda: spark, table, landing, b"a key for tests", staging)
    done = take_in(loader, days)
    rejected = lake.rows("select count(*) as n from quarantine.order_lines")[0]["n"]
    assert sum(delivery.read for delivery in done.deliveries) == summary.lines
    assert done.held == ()
    rows = [row for path in summary.dumps.iterdir() for row in read_dump(path)[1:]]
    assert rejected == sum(not is_sound(row) for row in rows)
    assert 0 < rejected < 0.003 * summary.lines


def is_sound(row):
    return len(row) == len(COLUMNS) and row[5] != "n/a" and not row[3].endswith("pcs")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"days": 1}, "`days` is 1 and `seed` 3: choose at least 2 days"),
        ({"seed": -1}, "`seed` -1"),
        ({"lines": 99 * LEAST}, "9,900 lines on 102 open days: choose from 10,200 to 510,000,000"),
        ({"lines": 103 * MOST}, "515,000,000 lines on 102 open days"),
        ({"days": 2, "start": date(2024, 12, 25)}, "on 0 open days: .* or other days"),
    ],
)
def test_a_scale_out_of_range_is_refused(change, message):
    with pytest.raises(SetupError, match=message):
        replace(SCALE, **change)


@pytest.mark.parametrize(
    "option", [("--customers", "10"), ("--drift", "concept"), ("--at", "3")], ids=lambda o: o[0]
)
def test_the_command_refuses_a_large_shop_that_drifts_or_has_its_own_customers(home, option):
    arguments = ["simulate", "--scale", "2000", "--days", "5", *option]
    with pytest.raises(SetupError, match="--scale 2000 goes without --customers, --drift and --at"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not (home / "landing").exists()


def test_the_command_makes_a_large_shop_without_a_truth(home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["simulate", "--scale", "2000", "--days", "5"]
    told = CliRunner().invoke(app, arguments, catch_exceptions=False).output
    assert told.split(" lines,")[0].strip().startswith("4 files, ")
    assert "2024-01-01 to 2024-01-05" in told
    assert len(list((home / "landing" / "order_lines").iterdir())) == 4
    assert not (home / "truth").exists()
