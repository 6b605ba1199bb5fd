{{ config(materialized='ephemeral') }}

with known as {{ history_of(ref('int_customer_days'), 'ordered_on') }},

final as (

    select
        customer_id,
        as_of,
        ordered_on,
        age,
        max(country) as country,
        sum(orders)::integer as orders,
        sum(order_lines)::integer as order_lines,
        sum(other_lines)::integer as other_lines,
        sum(items)::bigint as items,
        sum(revenue)::decimal(18, 4) as revenue,
        sum(cancellations)::integer as cancellations,
        sum(cancelled_amount)::decimal(18, 4) as cancelled_amount
    from known
    group by customer_id, as_of, ordered_on, age

)

select * from final
