{{ config(materialized='ephemeral') }}

-- Counted from the days on which a count changes: rows of each product on each day would be a hundred times as many.
with bought as {{ known_spans(ref('int_customer_product_days'), 'ordered_on', 180) }},

-- The first 90 days of a purchase and the next 90, as two spans.
halves as (

    select * replace (least(as_of_to, ordered_on + 90) as as_of_to)
    from bought
    where as_of_from < ordered_on + 90

    union all

    select * replace (greatest(as_of_from, ordered_on + 90) as as_of_from)
    from bought
    where as_of_to > ordered_on + 90

),

aligned as {{ aligned_spans('halves', ['customer_id', 'stock_code']) }},

products as (

    select
        customer_id,
        as_of_from,
        as_of_to,
        (max(ordered_on) > as_of_from - 90)::integer as in_90_days,
        (min(ordered_on) < max(ordered_on))::integer as again
    from aligned
    group by customer_id, stock_code, as_of_from, as_of_to

),

changes as (

    select
        customer_id,
        unnest([as_of_from, as_of_to]) as day,
        unnest([1, -1]) as change,
        in_90_days,
        again
    from products

),

counts as (

    select
        customer_id,
        day as as_of_from,
        lead(day) over by_day as as_of_to,
        sum(sum(change)) over by_day as products_180d,
        sum(sum(change * in_90_days)) over by_day as products_90d,
        sum(sum(change * again)) over by_day as products_again
    from changes
    group by customer_id, day
    window by_day as (partition by customer_id order by day)

),

final as (

    select
        customer_id,
        as_of,
        products_180d::bigint as products_180d,
        products_90d::bigint as products_90d,
        products_again / products_180d as share_of_products_bought_again
    from {{ on_each_day('counts') }}
    where products_180d > 0

)

select * from final
