{{ config(materialized='ephemeral') }}

{%- set recent = 90 %}

-- Counted from the days on which a count changes: rows of each product on each day would be a hundred times as many.
with bought as {{ known_spans(ref('int_customer_product_days'), 'ordered_on', 180) }},

-- The days on which a purchase is recent and the later ones, as two spans.
halves as (

    select
        * replace (least(as_of_to, ordered_on + {{ recent }}) as as_of_to),
        ordered_on as recently_on
    from bought
    where as_of_from < ordered_on + {{ recent }}

    union all

    select
        * replace (greatest(as_of_from, ordered_on + {{ recent }}) as as_of_from),
        null as recently_on
    from bought
    where as_of_to > ordered_on + {{ recent }}

),

aligned as {{ aligned_spans('halves', ['customer_id', 'stock_code']) }},

products as (

    select
        customer_id,
        as_of_from,
        as_of_to,
        (max(recently_on) is not null)::integer as is_recent,
        (min(ordered_on) < max(ordered_on))::integer as is_again
    from aligned
    group by customer_id, stock_code, as_of_from, as_of_to

),

changes as (

    select
        customer_id,
        unnest([as_of_from, as_of_to]) as day,
        unnest([1, -1]) as change,
        is_recent,
        is_again
    from products

),

counts as (

    select
        customer_id,
        day as as_of_from,
        lead(day) over by_day as as_of_to,
        sum(sum(change)) over by_day as products_180d,
        sum(sum(change * is_recent)) over by_day as products_90d,
        sum(sum(change * is_again)) over by_day as products_again
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
