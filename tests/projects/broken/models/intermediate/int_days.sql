select * from {{ source('till', 'visits') }}
