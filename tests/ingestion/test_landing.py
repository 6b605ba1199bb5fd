import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from errors import DeliveryError
from ingestion.landing import Landed, contract_names, delivery_id, header_problem, land

DAY = date(2024, 3, 1)
NAMES = ("order", "sold_at", "quantity", "amount", "customer", "channel")
HEADER = ",".join(NAMES)


def path_of(folder: Path) -> Path:
    path = folder / "sales" / f"{DAY}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def look(sales, tmp_path: Path) -> Callable[..., Landed]:
    """Look at the day's file of a table with these `ingest` options."""

    def look(current: str | None = None, **ingest) -> Landed:
        staging = tmp_path / "staging"
        staging.mkdir(exist_ok=True)
        return land(sales(**ingest), str(tmp_path), DAY, staging, current)

    return look


def test_a_file_is_found_by_its_day_and_named_by_its_content(look, tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.write_text(HEADER + "\n")
    first = look()
    path.write_text(HEADER + "\nmore\n")
    second = look()
    assert (first.file, first.header, first.problem) == (str(path), NAMES, None)
    assert len(first.delivery) == 16
    assert first.delivery != second.delivery
    assert (first.records, second.records) == (0, 1)


def test_the_copy_is_what_the_hash_is_of_and_an_unchanged_file_leaves_none(look, tmp_path) -> None:
    path = path_of(tmp_path)
    path.write_text(HEADER + "\nrow\n")
    found = look()
    assert Path(str(found.staged)).read_bytes() == path.read_bytes()
    assert found.file_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    Path(str(found.staged)).unlink()
    again = look(current=found.delivery)
    assert (again.delivery, again.staged) == (found.delivery, None)
    assert list((tmp_path / "staging").iterdir()) == []


def test_another_contract_makes_another_delivery_of_the_same_file() -> None:
    assert delivery_id("abc", "contract 1") != delivery_id("abc", "contract 2")


def test_renamed_headers_are_read_by_alias(sales) -> None:
    header = ["order", " When ", "quantity", "Price", "Customer ID", "channel"]
    assert contract_names(sales(), header) == NAMES


def test_columns_in_another_order_and_unknown_ones_are_fine(sales) -> None:
    names = contract_names(sales(), ["note", "channel", *NAMES[:5]])
    assert names == ("note", "channel", *NAMES[:5])
    assert header_problem(sales(), names) is None


def test_a_missing_column_is_named_with_the_header_that_was_found(sales) -> None:
    problem = header_problem(sales(), ("order", "sold_at", "quantity", "customer", "channel"))
    assert problem is not None
    assert "no column for amount" in problem
    assert "order, sold_at, quantity" in problem


def test_a_first_line_of_data_is_shown_nowhere(look, tmp_path: Path) -> None:
    repeated = f"{HEADER},Ann Smith,Ann Smith,Price"
    for line, problem in [
        ("1001,2024,1,2.5,Ann Smith,web", "no header: none of the 6 names in the first line"),
        ("order,2024,1,2.5,Ann Smith,web", "the header has order and 5 unknown names"),
        (repeated, "repeated column amount and 1 unknown name"),
        (f"{HEADER},Ann Smith,Ann Smith", "repeated column 1 unknown name"),
    ]:
        path_of(tmp_path).write_text(f"{line}\n")
        found = look()
        assert problem in str(found.problem)
        assert found.extra == ()
        assert "Smith" not in str(found.problem)


def test_a_column_under_two_of_its_names_is_named(sales) -> None:
    names = contract_names(sales(), [*NAMES, "Price"])
    assert header_problem(sales(), names) == "schema: repeated column amount"


def test_columns_that_are_not_stored_are_named(look, tmp_path: Path) -> None:
    path_of(tmp_path).write_text(f"note,{HEADER},Note\n")
    assert look().extra == ("note", "Note")


def test_a_missing_file_is_an_empty_day_where_the_table_says_so(look) -> None:
    found = look(on_missing="empty")
    assert (found.file, found.problem) == (None, None)


def test_a_missing_file_is_an_error_where_the_table_says_so(look) -> None:
    with pytest.raises(DeliveryError, match=r"sales 2024-03-01: no file .*2024-03-01.csv"):
        look(on_missing="fail")


def test_a_folder_where_the_file_should_be_is_an_error_that_names_it(look, tmp_path: Path) -> None:
    path_of(tmp_path).mkdir()
    with pytest.raises(DeliveryError, match=r"2024-03-01\.csv is a folder"):
        look()


def test_a_flawed_file_is_a_problem_and_leaves_no_copy(look, tmp_path: Path) -> None:
    path_of(tmp_path).write_bytes(HEADER.encode() + b"\n1000,Gr\xf6\xdfe\n")
    found = look()
    assert "line 2 is not UTF-8" in str(found.problem)
    assert (found.records, found.staged) == (None, None)
    assert list((tmp_path / "staging").iterdir()) == []
