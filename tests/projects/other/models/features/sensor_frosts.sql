{%- set horizon = horizon_days() -%}
with days as {{ each_day(requested_range(), 'day') }},

readings as (select * from {{ ref('stg_greenhouse__readings') }})

select
    today.sensor,
    days.day,
    max((later.celsius < 0)::integer)::integer as froze
from days
inner join readings as today
    on today._day = days.day and {{ known_as_of('days.day', 'today', 'today._day') }}
left join readings as later
    on later.sensor = today.sensor and later._day > days.day
    and {{ known_as_of('days.day + ' ~ horizon, 'later', 'later._day') }}
group by today.sensor, days.day
