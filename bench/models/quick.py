"""25 features that a practitioner writes in an hour, straight from the order lines.

They ignore what makes the platform's features honest (deliveries, late rows): what counts here is
only how much they say about the label, on the platform's population and on everybody's.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from bench.models.rows import Shop
from ml.schema import Schema
from resources.lake import Lake

WINDOWS = (7, 30, 90, 365)


def rows(lake: Lake, days: Sequence[date], active_days: int) -> pa.Table:
    """Features and label of whoever has bought in `active_days` up to an as_of day."""
    counted = ", ".join(
        f"count(*) filter (where age < {n}) as days_{n}d, "
        f"coalesce(sum(money) filter (where age < {n}), 0)::double as money_{n}d"
        for n in WINDOWS
    )
    return lake.read(
        f"""
        with days as (select unnest(?) as as_of),
        bought as (
            select customer_id, ordered_on, max(country) as country,
                count(distinct invoice) as orders, count(*) as lines,
                sum(quantity) as items, sum(amount)::double as money
            from staging.int_order_lines where is_purchase group by all
        ),
        cancelled as (
            select customer_id, ordered_on, count(distinct invoice) as cancellations
            from staging.int_order_lines where is_cancellation group by all
        ),
        seen as (
            select as_of, bought.*, as_of - ordered_on as age, lag(ordered_on) over (
                partition by as_of, customer_id order by ordered_on) as before
            from days join bought on ordered_on <= as_of
        ),
        features as (
            select customer_id, as_of, min(age) as recency, max(age) as tenure, {counted},
                sum(orders) as orders, sum(money) as money, sum(lines) as lines,
                avg(ordered_on - before) as mean_gap,
                stddev(ordered_on - before) as sd_gap,
                arg_min(ordered_on - before, age) as last_gap, min(age) / mean_gap as due,
                sum(money) / sum(orders) as order_money, arg_min(money, age) as last_money,
                sum(items) filter (where age < 90) as items_90d,
                arg_max(country, ordered_on) = 'United Kingdom' as british,
                isodow(as_of) as weekday, day(as_of) as month_day, month(as_of) as month
            from seen group by customer_id, as_of having recency < {active_days}
        )
        select f.*, coalesce((
                select sum(cancellations) from cancelled as c where c.customer_id = f.customer_id
                and c.ordered_on <= f.as_of and c.ordered_on > f.as_of - 90
            ), 0)::int as cancellations_90d,
            exists (
                select 1 from bought as b where b.customer_id = f.customer_id
                and b.ordered_on > f.as_of and b.ordered_on <= f.as_of + 14
            )::int as repurchased
        from features as f order by as_of, customer_id""",
        [list(days)],
    )


def shop(lake: Lake, days: Sequence[date], active_days: int) -> Shop:
    """`rows`, all columns but the keys being features."""
    table = rows(lake, days, active_days)
    schema = Schema.of(table.schema, entity="customer_id", time="as_of", label="repurchased")
    return Shop(table, schema)
