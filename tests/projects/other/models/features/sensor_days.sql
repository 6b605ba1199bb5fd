with days as {{ each_day(requested_range(), 'day') }}

select
    readings.sensor,
    days.day,
    count(*)::integer as readings,
    {{ rounded('avg(readings.celsius)') }} as mean_celsius
from days
inner join {{ ref('stg_greenhouse__readings') }} as readings
    on readings._day = days.day and {{ known_as_of('days.day', 'readings', 'readings._day') }}
group by readings.sensor, days.day
