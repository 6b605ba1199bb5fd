-- The features of customer_features as a person would write them for a year: no deliveries, no ledger, no ranges.
-- The bench puts in the files of the raw rows, the days, and the folder to write to.
create temp table purchases as
select
    customer_id,
    invoice,
    upper(trim(stock_code)) as stock_code,
    country,
    quantity,
    (quantity * price)::decimal(18, 4) as amount,
    invoice_date::date as ordered_on,
    starts_with(invoice, 'C') as is_cancellation,
    not starts_with(invoice, 'C') and quantity > 0 and price > 0 as is_purchase
from read_parquet($files, hive_partitioning = true)
where customer_id is not null
    and _day > $first::date - 365 and _day <= $last::date + 14;

create temp table customer_days as
select
    customer_id,
    ordered_on,
    max(country) as country,
    count(distinct invoice) filter (where is_purchase) as orders,
    count(*) filter (where is_purchase) as order_lines,
    count(*) filter (where is_purchase and not regexp_matches(stock_code, '^[0-9]{5}')) as other_lines,
    coalesce(sum(quantity) filter (where is_purchase), 0)::bigint as items,
    coalesce(sum(amount) filter (where is_purchase), 0)::decimal(18, 4) as revenue,
    count(distinct invoice) filter (where is_cancellation) as cancellations,
    coalesce(-sum(amount) filter (where is_cancellation), 0)::decimal(18, 4) as cancelled_amount
from purchases
group by all;

create temp table days as
select range::date as as_of from range($first::date, $last::date + 1, interval 1 day);

create temp table history as
select days.as_of, days.as_of - ordered_on as age, customer_days.*
from days
inner join customer_days on ordered_on <= days.as_of and ordered_on > days.as_of - 365;

create temp table products as
with product_days as (
    select distinct customer_id, stock_code, ordered_on
    from purchases
    where is_purchase and regexp_matches(stock_code, '^[0-9]{5}')
),
bought as (
    select as_of, customer_id, stock_code, min(ordered_on) as first_on, max(ordered_on) as last_on
    from days
    inner join product_days on ordered_on <= as_of and ordered_on > as_of - 180
    group by all
)
select
    as_of, customer_id,
    count(*) as products_180d,
    count(*) filter (where last_on > as_of - 90) as products_90d,
    count(*) filter (where first_on < last_on) / count(*) as share_of_products_bought_again
from bought
group by all;

create temp table rhythm as
with gaps as (
    select customer_id, as_of, age,
        lag(age) over (partition by customer_id, as_of order by age desc) - age as gap
    from history
    where orders > 0
)
select
    customer_id, as_of, count(gap) as n, sum(gap) as total, sum(gap * gap) as squares,
    median(gap) as median_gap_days, max(gap) as longest_gap_days, arg_min(gap, age) as last_gap_days,
    count(gap) filter (where gap <= 14) as within_14_days
from gaps
group by all;

create temp table shop as
with customers as (
    select
        as_of, customer_id,
        bool_or(age < 14) as bought,
        bool_or(age >= 14 and age < 104) as was_active,
        bool_or(age >= 14 and age < 28) as bought_before
    from history
    where orders > 0
    group by all
)
select
    as_of,
    count(*) filter (where was_active and bought) / nullif(count(*) filter (where was_active), 0) as return_rate,
    count(*) filter (where bought) / nullif(count(*) filter (where bought_before), 0) as trend
from customers
group by all;

create temp table customers as
select
    customer_id, as_of,
    arg_min(country, age) as country,
    min(age) filter (where orders > 0) as recency_days,
    max(age) filter (where orders > 0) as tenure_days,
    count(*) filter (where orders > 0 and age < 7) as purchase_days_7d,
    count(*) filter (where orders > 0 and age < 14) as purchase_days_14d,
    count(*) filter (where orders > 0 and age < 30) as purchase_days_30d,
    count(*) filter (where orders > 0 and age < 60) as purchase_days_60d,
    count(*) filter (where orders > 0 and age < 90) as purchase_days_90d,
    count(*) filter (where orders > 0 and age < 180) as purchase_days_180d,
    count(*) filter (where orders > 0 and age < 365) as purchase_days_365d,
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
having recency_days < 90;

copy (
    select
        customer_id, as_of, recency_days, tenure_days, purchase_days_7d, purchase_days_14d, purchase_days_30d,
        purchase_days_60d, purchase_days_90d, purchase_days_180d, purchase_days_365d, orders_90d, orders_365d,
        round(purchase_days_decayed::double, 6) as purchase_days_decayed,
        round(purchase_days_30d * 3.0 / purchase_days_90d, 6) as purchase_days_trend,
        last_gap_days, longest_gap_days, round(median_gap_days, 6) as median_gap_days,
        round(total / nullif(n, 0), 6) as mean_gap_days,
        round(sqrt((n * squares - total * total) / nullif(n * (n - 1), 0)), 6) as sd_gap_days,
        round(sqrt((n * squares - total * total) / nullif(n * (n - 1), 0)) / (total / nullif(n, 0)), 6)
            as gap_irregularity,
        round(recency_days / (total / nullif(n, 0)), 6) as recency_to_mean_gap,
        round(recency_days / longest_gap_days, 6) as recency_to_longest_gap,
        round(within_14_days / nullif(n, 0), 6) as share_of_gaps_within_14_days,
        round(purchase_days_365d / (tenure_days + 1), 6) as purchase_days_per_day,
        revenue_30d::decimal(18, 2) as revenue_30d, revenue_90d::decimal(18, 2) as revenue_90d,
        revenue_365d::decimal(18, 2) as revenue_365d, last_revenue::decimal(18, 2) as last_revenue,
        round(revenue_365d::double / orders_365d, 6) as mean_order_revenue,
        round(last_revenue * purchase_days_365d / revenue_365d, 6) as last_revenue_to_mean,
        last_order_lines, round(order_lines_365d / orders_365d, 6) as mean_order_lines,
        round(items_365d / order_lines_365d, 6) as mean_line_items,
        round(revenue_365d / items_365d, 6) as mean_item_price,
        products_90d, products_180d, round(share_of_products_bought_again, 6) as share_of_products_bought_again,
        round(other_lines_365d / order_lines_365d, 6) as share_of_other_lines,
        cancellations_90d, days_since_cancellation,
        round(cancellations_365d / orders_365d, 6) as cancellations_per_order,
        round(cancelled_amount_365d / revenue_365d, 6) as share_of_revenue_cancelled,
        isodow(as_of) as day_of_week, day(as_of) as day_of_month,
        round(sin(2 * pi() * dayofyear(as_of) / 366), 6) as season_sin,
        round(cos(2 * pi() * dayofyear(as_of) / 366), 6) as season_cos,
        make_date(year(as_of + 6), 12, 25) - as_of as days_to_christmas,
        round(percent_rank() over (partition by as_of order by purchase_days_180d), 6) as purchase_days_180d_rank,
        round(percent_rank() over (partition by as_of order by purchase_days_decayed), 6)
            as purchase_days_decayed_rank,
        round(percent_rank() over (partition by as_of order by revenue_365d), 6) as revenue_365d_rank,
        round(return_rate, 6) as shop_return_rate_14d, round(trend, 6) as shop_buyers_trend_14d,
        country
    from customers
    inner join shop using (as_of)
    left join rhythm using (as_of, customer_id)
    left join products using (as_of, customer_id)
    order by as_of, customer_id
) to '$target/features' (format parquet, compression zstd, partition_by (as_of));
