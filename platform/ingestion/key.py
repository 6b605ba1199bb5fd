"""The key of the pseudonyms is one per lake: with a second one every person would be two.

The lake keeps the key's fingerprint, of which nobody can tell the key.
"""

import hashlib
import hmac

import duckdb

import ledger
from errors import SetupError
from resources.lake import Lake
from turns import take_turn

SAID = b"leeway pii key fingerprint"


def fingerprint(key: bytes) -> str:
    """Return what tells one key from another, 16 hexadecimal digits."""
    return hmac.new(key, SAID, hashlib.sha256).hexdigest()[:16]


def require_key(lake: Lake, key: bytes) -> None:
    """Raise SetupError where rows of the lake were made with another key."""
    with lake.connect() as connection:
        _is_kept(connection, key)


def keep_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Keep the fingerprint with the first rows of a key, inside the caller's transaction.

    Of two first writers one is tried again. Raises SetupError as `require_key` does.
    """
    if not _is_kept(connection, key):
        take_turn(connection, "pii key")
        ledger.insert(connection, "keys", {"fingerprint": fingerprint(key)})


def _is_kept(connection: duckdb.DuckDBPyConnection, key: bytes) -> bool:
    found = connection.execute("select fingerprint from ledger.keys order by all").fetchall()
    others = [kept for (kept,) in found if kept != fingerprint(key)]
    if others:
        raise SetupError(
            f"the lake's pseudonyms were made with the key of fingerprint {others[0]}, the key of "
            f"this home has {fingerprint(key)}: with it every person would be two. Restore "
            "`pii.key` of the home that made the lake, or set LEEWAY_PII_KEY to that key"
        )
    return bool(found)
