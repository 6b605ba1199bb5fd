{%- set horizon = horizon_days() -%}
with days as {{ each_day(requested_range(), 'day') }},

visits as (select * from {{ source('web', 'visits') }}),

totals as (
    select
        today.customer,
        days.day,
        sum(later.spent) as spent
    from days
    inner join visits as today on days.day = today.day
    inner join visits as later
        on today.customer = later.customer and later.day > days.day and later.day <= days.day + {{ horizon }}
    group by today.customer, days.day
)

select
    customer,
    day,
    {{ rounded('spent') }} as spent,
    case when spent < 120 then 'low' when spent < 200 then 'middle' else 'high' end as size
from totals
