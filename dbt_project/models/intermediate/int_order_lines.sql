with lines as (

    select * from {{ ref('stg_shop__order_lines') }}

),

classified as (

    select
        *,
        (quantity * price)::decimal(18, 4) as amount,
        starts_with(invoice, 'C') as is_cancellation,
        regexp_matches(stock_code, '^[0-9]{5}') as is_product
    from lines
    where customer_id is not null

),

final as (

    select
        *,
        not is_cancellation and quantity > 0 and price > 0 as is_purchase
    from classified

)

select * from final
