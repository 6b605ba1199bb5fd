{{ config(materialized='ephemeral') }}

with product_days as {{ history_of(ref('int_customer_product_days'), 'ordered_on', 180) }},

products as (

    select
        as_of,
        customer_id,
        stock_code,
        min(ordered_on) as first_bought_on,
        max(ordered_on) as last_bought_on
    from product_days
    group by as_of, customer_id, stock_code

),

final as (

    select
        customer_id,
        as_of,
        count(*) as products_180d,
        count(*) filter (where last_bought_on > as_of - 90) as products_90d,
        count(*) filter (where first_bought_on < last_bought_on) / count(*) as share_of_products_bought_again
    from products
    group by customer_id, as_of

)

select * from final
