select receipt, amount from {{ source('till', 'receipts') }}
