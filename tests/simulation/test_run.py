import resource
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from cli_simulate import local_folder
from errors import SetupError
from simulation.process import HOLIDAYS, SATURDAY
from simulation.run import simulate
from simulation.shop import Drift


def contents(summary):
    return {path.name: path.read_bytes() for path in sorted(summary.dumps.iterdir())}


@contextmanager
def no_file_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_same_shop_gives_the_same_bytes(tmp_path, simulated, shop):
    first = simulated()
    again = simulate(tmp_path, tmp_path / "truth", shop())
    assert contents(again) == contents(first)
    assert again.truth.read_bytes() == first.truth.read_bytes()


def test_another_seed_gives_another_shop(tmp_path, simulated, shop):
    other = contents(simulate(tmp_path, tmp_path / "truth", shop(seed=4)))
    same = [name for name, content in contents(simulated()).items() if other[name] == content]
    assert same == []


def test_every_day_but_closed_ones_has_a_file(simulated, shop):
    days = [shop().start + timedelta(days=number) for number in range(shop().days)]
    closed = [d for d in days if d.weekday() == SATURDAY or (d.month, d.day) in HOLIDAYS]
    names = [f"{day}.csv.gz" for day in days if day not in closed]
    assert sorted(contents(simulated())) == names
    assert simulated().files == len(names)


def test_headers_are_those_of_the_real_dumps_and_change_halfway(simulated, read_dump, real_dumps):
    headers = [read_dump(path)[0] for path in sorted(simulated().dumps.iterdir())]
    before, after = read_dump(real_dumps[0])[0], read_dump(real_dumps[-1])[0]
    half = headers.index(after)
    assert headers == [before] * half + [after] * (len(headers) - half)
    assert abs(half - len(headers) / 2) <= 1


@pytest.mark.parametrize("drift", [Drift.covariate, Drift.concept, Drift.data_bug])
def test_a_drift_changes_nothing_before_its_day(simulated, drift):
    plain, drifted = contents(simulated()), contents(simulated(drift))
    start = f"{simulated(drift).drift_date}.csv.gz"
    assert {n for n in plain if n < start} <= {n for n in plain if plain[n] == drifted[n]}
    assert plain[start] != drifted[start]


def test_the_data_bug_multiplies_the_prices_of_three_files_only(simulated, read_dump):
    plain, buggy = simulated(), simulated(Drift.data_bug)
    changed = [
        path.name
        for path in sorted(plain.dumps.iterdir())
        if path.read_bytes() != (buggy.dumps / path.name).read_bytes()
    ]
    from_drift = [n for n in sorted(contents(plain)) if n >= f"{plain.drift_date}.csv.gz"]
    assert changed == from_drift[:3]
    for name in changed:
        right, wrong = read_dump(plain.dumps / name)[1:], read_dump(buggy.dumps / name)[1:]
        assert [r[:5] + r[6:] for r in right] == [w[:5] + w[6:] for w in wrong]
        prices = [
            (float(r[5]), float(w[5])) for r, w in zip(right, wrong, strict=True) if is_money(r)
        ]
        assert [w for _, w in prices] == pytest.approx([100 * r for r, _ in prices])


def is_money(row):
    return len(row) > 5 and row[5] != "n/a"


def test_an_interrupted_write_leaves_no_half_file_and_can_be_repeated(tmp_path, simulated, shop):
    whole = contents(simulated())
    sizes = [len(content) for content in whole.values()]
    longer = next(size for size in sizes if size > sizes[0])
    with no_file_larger_than(longer - 1), pytest.raises(OSError, match="File too large"):
        simulate(tmp_path, tmp_path / "truth", shop())
    written = {path.name: path.read_bytes() for path in (tmp_path / "order_lines").iterdir()}
    assert 0 < len(written) < len(whole)
    assert written.items() <= whole.items()
    assert contents(simulate(tmp_path, tmp_path / "truth", shop())) == whole


def test_dumps_of_another_shop_are_never_overwritten(tmp_path, simulated, shop):
    other = tmp_path / "order_lines" / next(iter(contents(simulated())))
    other.parent.mkdir()
    other.write_bytes(b"another shop's")
    with pytest.raises(SetupError, match="exists with other content"):
        simulate(tmp_path, tmp_path / "truth", shop())
    assert other.read_bytes() == b"another shop's"


def test_dumps_of_other_days_are_refused(tmp_path, shop):
    (tmp_path / "order_lines").mkdir()
    (tmp_path / "order_lines" / "2009-12-01.csv.gz").touch()
    with pytest.raises(SetupError, match=r"holds 1 dumps such as 2009-12-01\.csv\.gz"):
        simulate(tmp_path, tmp_path / "truth", shop())


def test_progress_is_told_of_every_day(tmp_path, shop):
    told = []
    few = shop(days=3, customers=20)
    simulate(tmp_path, tmp_path / "truth", few, progress=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"days": 1}, "`days` is 1: choose at least 2"),
        ({"customers": 0}, "`customers` is 0: choose at least 1"),
        ({"at": 60}, "`at` is 60: choose a day from 0 to 59"),
    ],
)
def test_a_shop_out_of_range_is_refused(shop, change, message):
    with pytest.raises(SetupError, match=message):
        shop(**change)


def test_the_drift_comes_after_sixty_percent_of_the_days_unless_told(shop):
    assert shop().drift_day == 36
    assert shop(at=5).date_of(5) == date(2024, 1, 6)


def test_a_bucket_is_refused_with_the_way_round_it(tmp_path):
    with pytest.raises(SetupError, match=r"LEEWAY_LANDING is s3://shop/landing.*then upload"):
        local_folder("s3://shop/landing")
    assert local_folder(str(tmp_path)) == tmp_path
