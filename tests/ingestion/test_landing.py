from datetime import date
from pathlib import Path

import pytest

from errors import DeliveryError
from ingestion.landing import contract_names, delivery_id, header_problem, land

DAY = date(2024, 3, 1)
NAMES = ("order", "sold_at", "quantity", "amount", "customer", "channel")
HEADER = ",".join(NAMES)
GZ = "{landing}/sales/{partition}.csv.gz"


def path_of(folder: Path, ending: str = ".csv") -> Path:
    path = folder / "sales" / f"{DAY}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_file_is_found_by_its_day_and_named_by_its_content(sales, tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.write_text(HEADER + "\n")
    first = land(sales(), str(tmp_path), DAY)
    path.write_text(HEADER + "\nmore\n")
    second = land(sales(), str(tmp_path), DAY)
    assert (first.file, first.header, first.problem) == (str(path), NAMES, None)
    assert len(first.delivery) == 16
    assert first.delivery != second.delivery


def test_another_contract_makes_another_delivery_of_the_same_file() -> None:
    assert delivery_id("abc", "contract 1") != delivery_id("abc", "contract 2")


def test_renamed_headers_are_read_by_alias(sales) -> None:
    header = ["\ufefforder", " When ", "quantity", "Price", "Customer ID", "channel"]
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


def test_a_column_under_two_of_its_names_is_named(sales) -> None:
    names = contract_names(sales(), [*NAMES, "Price"])
    assert header_problem(sales(), names) == "schema: repeated column amount"


def test_an_empty_file_has_no_header(sales, tmp_path: Path) -> None:
    path_of(tmp_path).write_text("")
    assert "the file is empty" in str(land(sales(), str(tmp_path), DAY).problem)


def test_a_torn_archive_is_a_problem_of_its_file(sales, gz, tmp_path: Path) -> None:
    path = gz(path_of(tmp_path, ".csv.gz"), HEADER + "\nrow" * 5000)
    path.write_bytes(path.read_bytes()[:-12])
    assert "unreadable" in str(land(sales(path=GZ), str(tmp_path), DAY).problem)


@pytest.mark.parametrize("at", [0, 10, 12, -4])
def test_an_archive_with_damaged_bytes_is_a_problem_of_its_file(
    sales, gz, tmp_path: Path, at: int
) -> None:
    text = "".join(f"{n * 7919 % 10007}\n" for n in range(2000))
    path = gz(path_of(tmp_path, ".csv.gz"), HEADER + "\n" + text)
    content = bytearray(path.read_bytes())
    content[at : at + 3] = bytes([255]) * 3
    path.write_bytes(content)
    assert "unreadable" in str(land(sales(path=GZ), str(tmp_path), DAY).problem)


def test_text_in_another_encoding_is_a_problem_of_its_file(sales, tmp_path: Path) -> None:
    path_of(tmp_path).write_bytes(HEADER.encode() + "\n1000,Größe\n".encode("latin-1"))
    assert "unreadable" in str(land(sales(), str(tmp_path), DAY).problem)


def test_a_missing_file_is_an_empty_day_where_the_table_says_so(sales, tmp_path: Path) -> None:
    found = land(sales(on_missing="empty"), str(tmp_path), DAY)
    assert (found.file, found.problem) == (None, None)


def test_a_missing_file_is_an_error_where_the_table_says_so(sales, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"sales 2024-03-01: no file .*2024-03-01.csv"):
        land(sales(on_missing="fail"), str(tmp_path), DAY)
