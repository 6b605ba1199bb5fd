{%- set requested = requested_range() -%}
{%- set horizon = horizon_days() -%}

with days as {{ each_day(requested, 'as_of') }},

purchases as (

    select
        customer_id,
        ordered_on,
        known_from,
        known_to
    from {{ ref('int_customer_days') }}
    where
        orders > 0
        and _day > date '{{ requested.start }}' - {{ var('active_days') }}
        and _day < date '{{ requested.stop }}' + {{ horizon }}

),

active as (

    select distinct
        days.as_of,
        purchases.customer_id
    from days
    inner join purchases
        on
            {{ known_as_of('days.as_of', 'purchases', 'purchases.ordered_on') }}
            and days.as_of - {{ var('active_days') }} < purchases.ordered_on

),

returned as (

    select distinct
        days.as_of,
        purchases.customer_id
    from days
    inner join purchases
        on
            {{ known_as_of('days.as_of + ' ~ horizon, 'purchases', 'purchases.ordered_on') }}
            and days.as_of < purchases.ordered_on

),

final as (

    select
        active.customer_id,
        active.as_of,
        (returned.customer_id is not null)::integer as repurchased
    from active
    left join returned on active.as_of = returned.as_of and active.customer_id = returned.customer_id

)

select * from final
