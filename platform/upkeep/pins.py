"""Which snapshots of the lake must stay readable: those that live or late models were made from."""

from resources.lake import Lake, quoted

LAST_CANDIDATES = 5
SUFFIX = "_training_sets"


def pinned(lake: Lake) -> set[int]:
    """Return the snapshots of every version that was ever live and of each model's last candidates.

    Both places that name a snapshot count, a version's row and the manifest of its day: a training
    that is under way has no version yet.
    """
    tables = lake.rows(
        """select table_name as name from information_schema.tables
        where table_catalog = 'lake' and table_schema = 'ml' and ends_with(table_name, ?)""",
        [SUFFIX],
    )
    manifests = [of_manifests(lake, str(row["name"])) for row in tables]
    return of_versions(lake).union(*manifests)


def of_versions(lake: Lake) -> set[int]:
    """Return the snapshots of versions that were promoted, judged for it, or trained last."""
    rows = lake.rows(
        """with late as (
            select model, version, snapshot, as_of in (
                select c.as_of from ledger.champions as c where c.model = v.model
            ) as lived,
            row_number() over (partition by model order by version desc) as age
            from ledger.versions as v
        )
        select distinct snapshot from late
        where snapshot is not null and (lived or age <= ?)""",
        [2 * LAST_CANDIDATES],  # a candidate that was promoted has a refit beside it
    )
    return {row["snapshot"] for row in rows}


def of_manifests(lake: Lake, table: str) -> set[int]:
    """Return the snapshots that the manifests of a model's promoted and last days name."""
    rows = lake.rows(
        f"""with ages as (
            select as_of, document, row_number() over (order by as_of desc) as age
            from {quoted("ml", table)}
        )
        select distinct json_extract(document, '$.snapshot')::bigint as snapshot from ages
        where age <= ? or as_of in (
            select as_of from ledger.champions where model = ?
        )""",
        [LAST_CANDIDATES, table.removesuffix(SUFFIX)],
    )
    return {row["snapshot"] for row in rows}
