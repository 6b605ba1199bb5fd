with lines as (

    select * from {{ ref('int_order_lines') }}

),

final as (

    select
        customer_id,
        stock_code,
        ordered_on,
        _day,
        known_from,
        known_to
    from lines
    where is_purchase and is_product
    group by customer_id, stock_code, ordered_on, _day, known_from, known_to

)

select * from final
