with source as (

    select * from {{ source('shop', 'order_lines') }}

),

deliveries as (

    select * from {{ whole_of(source('ledger', 'deliveries')) }}
    where table_name = '{{ source("shop", "order_lines").identifier }}' and status <> 'held'

),

renamed as (

    select
        source._delivery as delivery,
        source._line as line,
        source.invoice,
        source.customer_id,

        upper(trim(source.stock_code)) as stock_code,
        trim(source.description) as description,
        source.country,

        source.quantity,
        source.price,

        source.invoice_date as ordered_at,
        source.invoice_date::date as ordered_on,
        source._day,

        deliveries.known_from,
        deliveries.known_to
    from source
    inner join deliveries on source._day = deliveries.day and source._delivery = deliveries.delivery

)

select * from renamed
