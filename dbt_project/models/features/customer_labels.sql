with recent as {{ history_of(ref('int_customer_days'), 'ordered_on', var('active_days')) }},

later as {{ outcome_of(ref('int_customer_days'), 'ordered_on') }},

active as (

    select distinct
        customer_id,
        as_of
    from recent
    where orders > 0

),

returned as (

    select distinct
        customer_id,
        as_of
    from later
    where orders > 0

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
