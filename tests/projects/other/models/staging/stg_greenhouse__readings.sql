select
    readings.sensor,
    readings.read_at,
    readings.celsius,
    readings._day,
    deliveries.known_from,
    deliveries.known_to
from {{ source('greenhouse', 'readings') }} as readings
inner join {{ source('ledger', 'deliveries') }} as deliveries
    on readings._day = deliveries.day and readings._delivery = deliveries.delivery
where deliveries.table_name = 'readings' and deliveries.status <> 'held'
