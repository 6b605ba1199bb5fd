"""Which Arrow types are read as numbers, and which as categories."""

import pyarrow as pa
import pyarrow.types as kinds


def is_numeric(type_: pa.DataType) -> bool:
    """Whether a type is read as a number: integers, floats, decimals and booleans."""
    checks = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean)
    return any(check(type_) for check in checks)


def is_text(type_: pa.DataType) -> bool:
    """Whether a type is read as a category: strings, plain or as a dictionary."""
    plain = type_.value_type if kinds.is_dictionary(type_) else type_
    return kinds.is_string(plain) or kinds.is_large_string(plain) or kinds.is_string_view(plain)
