{{ config(materialized='ephemeral') }}

{%- set requested = requested_range() -%}

with days as {{ each_day(requested, 'as_of') }},

customer_days as (

    select * from {{ ref('int_customer_days') }}
    where
        _day > date '{{ requested.start }}' - {{ var('lookback_days') }}
        and _day < date '{{ requested.stop }}'

),

known as (

    select
        days.as_of,
        days.as_of - customer_days.ordered_on as age,
        customer_days.*
    from days
    inner join customer_days
        on
            {{ known_as_of('days.as_of', 'customer_days', 'customer_days.ordered_on') }}
            and customer_days.ordered_on > days.as_of - {{ var('lookback_days') }}

),

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
