{{ config(materialized='ephemeral') }}

{%- set requested = requested_range() -%}
{%- set window_days = 180 -%}

with days as {{ each_day(requested, 'as_of') }},

product_days as (

    select * from {{ ref('int_customer_product_days') }}
    where
        _day > date '{{ requested.start }}' - {{ window_days }}
        and _day < date '{{ requested.stop }}'

),

products as (

    select
        days.as_of,
        product_days.customer_id,
        product_days.stock_code,
        min(product_days.ordered_on) as first_bought_on,
        max(product_days.ordered_on) as last_bought_on
    from days
    inner join product_days
        on
            {{ known_as_of('days.as_of', 'product_days', 'product_days.ordered_on') }}
            and product_days.ordered_on > days.as_of - {{ window_days }}
    group by days.as_of, product_days.customer_id, product_days.stock_code

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
