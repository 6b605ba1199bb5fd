{{ config(materialized='ephemeral') }}

with customers as (

    select
        as_of,
        customer_id,
        bool_or(age < 14) as bought_in_14_days,
        bool_or(age >= 14 and age < 14 + {{ var('active_days') }}) as was_active_14_days_ago,
        bool_or(age >= 14 and age < 28) as bought_14_days_before,
        bool_or(age >= 350 and age < 364) as bought_in_fortnight_after_a_year_ago,
        bool_or(age >= 364 and age < 378) as bought_in_fortnight_until_a_year_ago,
        max(age) as oldest
    from {{ ref('int_customer_history') }}
    where orders > 0
    group by as_of, customer_id

),

counts as (

    select
        as_of,
        count(*) filter (where was_active_14_days_ago) as were_active,
        count(*) filter (where was_active_14_days_ago and bought_in_14_days) as returned,
        count(*) filter (where bought_in_14_days) as buyers,
        count(*) filter (where bought_14_days_before) as buyers_before,
        count(*) filter (where bought_in_fortnight_after_a_year_ago) as buyers_next_a_year_ago,
        count(*) filter (where bought_in_fortnight_until_a_year_ago) as buyers_a_year_ago,
        max(oldest) as history_days
    from customers
    group by as_of

),

final as (

    select
        as_of,
        history_days,
        returned / nullif(were_active, 0) as shop_return_rate_14d,
        buyers / nullif(buyers_before, 0) as shop_buyers_trend_14d,
        buyers_next_a_year_ago / nullif(buyers_a_year_ago, 0) as shop_buyers_trend_a_year_ago
    from counts

)

select * from final
