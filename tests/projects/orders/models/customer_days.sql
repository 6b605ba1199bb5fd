with days as {{ each_day(requested_range(), 'day') }}

select
    visits.customer,
    days.day,
    visits.pages,
    visits.channel,
    {{ rounded('visits.minutes') }} as minutes
from days
inner join {{ source('web', 'visits') }} as visits on days.day = visits.day
