{{ config(materialized='ephemeral') }}

with known as {{ known_spans(ref('int_customer_days'), 'ordered_on') }},

-- Two files that have lines of the same day count together while both are known.
aligned as {{ aligned_spans('known', ['customer_id', 'ordered_on']) }},

merged as (

    select
        customer_id,
        ordered_on,
        as_of_from,
        as_of_to,
        max(country) as country,
        sum(orders)::integer as orders,
        sum(order_lines)::integer as order_lines,
        sum(other_lines)::integer as other_lines,
        sum(items)::bigint as items,
        sum(revenue)::decimal(18, 4) as revenue,
        sum(cancellations)::integer as cancellations,
        sum(cancelled_amount)::decimal(18, 4) as cancelled_amount
    from aligned
    group by customer_id, ordered_on, as_of_from, as_of_to

),

final as (

    select
        customer_id,
        as_of,
        ordered_on,
        as_of - ordered_on as age,
        country,
        orders,
        order_lines,
        other_lines,
        items,
        revenue,
        cancellations,
        cancelled_amount
    from {{ on_each_day('merged') }}

)

select * from final
