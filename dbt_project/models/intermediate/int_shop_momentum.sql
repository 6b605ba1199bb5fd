{{ config(materialized='ephemeral') }}

with customers as (

    select
        as_of,
        customer_id,
        bool_or(age < 14) as bought_in_14_days,
        bool_or(age >= 14 and age < 14 + {{ var('active_days') }}) as was_active_14_days_ago,
        bool_or(age >= 14 and age < 28) as bought_14_days_before
    from {{ ref('int_customer_history') }}
    where orders > 0 and age < 14 + {{ [14, var('active_days') | int] | max }}
    group by as_of, customer_id

),

counts as (

    select
        as_of,
        count(*) filter (where was_active_14_days_ago) as were_active,
        count(*) filter (where was_active_14_days_ago and bought_in_14_days) as returned,
        count(*) filter (where bought_in_14_days) as buyers,
        count(*) filter (where bought_14_days_before) as buyers_before
    from customers
    group by as_of

),

final as (

    select
        as_of,
        returned / nullif(were_active, 0) as shop_return_rate_14d,
        buyers / nullif(buyers_before, 0) as shop_buyers_trend_14d
    from counts

)

select * from final
