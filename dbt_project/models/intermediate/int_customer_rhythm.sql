{{ config(materialized='ephemeral') }}

with purchase_days as (

    select
        customer_id,
        as_of,
        age,
        lag(age) over (partition by customer_id, as_of order by age desc) - age as gap
    from {{ ref('int_customer_history') }}
    where orders > 0

),

gaps as (

    select
        customer_id,
        as_of,
        count(gap) as n,
        sum(gap) as total,
        sum(gap * gap) as total_of_squares,
        median(gap) as middle,
        max(gap) as longest,
        arg_min(gap, age) as latest,
        count(gap) filter (where gap <= 14) as within_14_days
    from purchase_days
    group by customer_id, as_of

),

-- The variance from integer sums: exact, so it does not depend on the order of the rows.
final as (

    select
        customer_id,
        as_of,
        latest as last_gap_days,
        longest as longest_gap_days,
        middle as median_gap_days,
        total / nullif(n, 0) as mean_gap_days,
        sqrt((n * total_of_squares - total * total) / nullif(n * (n - 1), 0)) as sd_gap_days,
        within_14_days / nullif(n, 0) as share_of_gaps_within_14_days
    from gaps

)

select * from final
