with history as (

    select * from {{ ref('int_customer_history') }}

),

shop as (

    select * from {{ ref('int_shop_momentum') }}

),

customers as (

    select
        customer_id,
        as_of,

        arg_min(country, age) as country,

        min(age) filter (where orders > 0) as recency_days,
        max(age) filter (where orders > 0) as tenure_days,

        {% for days in [7, 14, 30, 60, 90, 180, 365] -%}
            count(*) filter (where orders > 0 and age < {{ days }}) as purchase_days_{{ days }}d,
        {% endfor -%}
        sum(orders) filter (where age < 90) as orders_90d,
        sum(orders) as orders_365d,
        sum(exp(-age / 30.0)::decimal(18, 9)) filter (where orders > 0) as purchase_days_decayed,

        coalesce(sum(revenue) filter (where age < 30), 0) as revenue_30d,
        sum(revenue) filter (where age < 90) as revenue_90d,
        sum(revenue) as revenue_365d,
        arg_min(revenue, age) filter (where orders > 0) as last_revenue,
        arg_min(order_lines, age) filter (where orders > 0) as last_order_lines,
        sum(order_lines) as order_lines_365d,
        sum(other_lines) as other_lines_365d,
        sum(items) as items_365d,

        sum(cancellations) filter (where age < 90) as cancellations_90d,
        sum(cancellations) as cancellations_365d,
        sum(cancelled_amount) as cancelled_amount_365d,
        min(age) filter (where cancellations > 0) as days_since_cancellation
    from history
    group by customer_id, as_of
    having recency_days < {{ var('active_days') }}

),

final as (

    select
        customers.customer_id,
        customers.as_of,

        -- recency and tenure
        customers.recency_days::integer as recency_days,
        customers.tenure_days::integer as tenure_days,

        -- frequency
        {% for days in [7, 14, 30, 60, 90, 180, 365] -%}
            customers.purchase_days_{{ days }}d::integer as purchase_days_{{ days }}d,
        {% endfor -%}
        customers.orders_90d::integer as orders_90d,
        customers.orders_365d::integer as orders_365d,
        {{ rounded('customers.purchase_days_decayed') }} as purchase_days_decayed,
        {{ rounded('customers.purchase_days_30d * 3.0 / customers.purchase_days_90d') }} as purchase_days_trend,

        -- rhythm
        rhythm.last_gap_days::integer as last_gap_days,
        rhythm.longest_gap_days::integer as longest_gap_days,
        {{ rounded('rhythm.median_gap_days') }} as median_gap_days,
        {{ rounded('rhythm.mean_gap_days') }} as mean_gap_days,
        {{ rounded('rhythm.sd_gap_days') }} as sd_gap_days,
        {{ rounded('rhythm.sd_gap_days / rhythm.mean_gap_days') }} as gap_irregularity,
        {{ rounded('customers.recency_days / rhythm.mean_gap_days') }} as recency_to_mean_gap,
        {{ rounded('customers.recency_days / rhythm.longest_gap_days') }} as recency_to_longest_gap,
        {{ rounded('rhythm.share_of_gaps_within_14_days') }} as share_of_gaps_within_14_days,
        {{ rounded('customers.purchase_days_365d / (customers.tenure_days + 1)') }} as purchase_days_per_day,

        -- money
        customers.revenue_30d::decimal(18, 2) as revenue_30d,
        customers.revenue_90d::decimal(18, 2) as revenue_90d,
        customers.revenue_365d::decimal(18, 2) as revenue_365d,
        customers.last_revenue::decimal(18, 2) as last_revenue,
        {{ rounded('customers.revenue_365d / customers.orders_365d') }} as mean_order_revenue,
        {{ rounded('customers.last_revenue * customers.purchase_days_365d / customers.revenue_365d') }}
            as last_revenue_to_mean,

        -- basket
        customers.last_order_lines::integer as last_order_lines,
        {{ rounded('customers.order_lines_365d / customers.orders_365d') }} as mean_order_lines,
        {{ rounded('customers.items_365d / customers.order_lines_365d') }} as mean_line_items,
        {{ rounded('customers.revenue_365d / customers.items_365d') }} as mean_item_price,

        -- product mix
        products.products_90d::integer as products_90d,
        products.products_180d::integer as products_180d,
        {{ rounded('products.share_of_products_bought_again') }} as share_of_products_bought_again,
        {{ rounded('customers.other_lines_365d / customers.order_lines_365d') }} as share_of_other_lines,

        -- cancellations
        customers.cancellations_90d::integer as cancellations_90d,
        customers.days_since_cancellation::integer as days_since_cancellation,
        {{ rounded('customers.cancellations_365d / customers.orders_365d') }} as cancellations_per_order,
        {{ rounded('customers.cancelled_amount_365d / customers.revenue_365d') }} as share_of_revenue_cancelled,

        -- calendar
        isodow(customers.as_of)::integer as day_of_week,
        day(customers.as_of)::integer as day_of_month,
        {{ rounded('sin(2 * pi() * dayofyear(customers.as_of) / 366)') }} as season_sin,
        {{ rounded('cos(2 * pi() * dayofyear(customers.as_of) / 366)') }} as season_cos,
        (make_date(year(customers.as_of + 6), 12, 25) - customers.as_of)::integer as days_to_christmas,

        -- standing among the customers of the same day
        {{ rank_within('customers.as_of', 'customers.purchase_days_180d') }} as purchase_days_180d_rank,
        {{ rank_within('customers.as_of', 'customers.purchase_days_decayed') }} as purchase_days_decayed_rank,
        {{ rank_within('customers.as_of', 'customers.revenue_365d') }} as revenue_365d_rank,

        -- the shop
        {{ rounded('shop.shop_return_rate_14d') }} as shop_return_rate_14d,
        {{ rounded('shop.shop_buyers_trend_14d') }} as shop_buyers_trend_14d,

        -- place
        customers.country
    from customers
    inner join shop on customers.as_of = shop.as_of
    left join {{ ref('int_customer_rhythm') }} as rhythm
        on customers.as_of = rhythm.as_of and customers.customer_id = rhythm.customer_id
    left join {{ ref('int_customer_products') }} as products
        on customers.as_of = products.as_of and customers.customer_id = products.customer_id

)

select * from final
