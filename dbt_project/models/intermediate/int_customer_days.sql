with lines as (

    select * from {{ ref('int_order_lines') }}

),

final as (

    select
        customer_id,
        ordered_on,
        _day,
        known_from,
        known_to,

        max(country) as country,

        count(distinct invoice) filter (where is_purchase) as orders,
        count(*) filter (where is_purchase) as order_lines,
        count(*) filter (where is_purchase and not is_product) as other_lines,
        coalesce(sum(quantity) filter (where is_purchase), 0)::bigint as items,
        coalesce(sum(amount) filter (where is_purchase), 0)::decimal(18, 4) as revenue,
        count(distinct invoice) filter (where is_cancellation) as cancellations,
        coalesce(-sum(amount) filter (where is_cancellation), 0)::decimal(18, 4) as cancelled_amount
    from lines
    group by customer_id, ordered_on, _day, known_from, known_to

)

select * from final
