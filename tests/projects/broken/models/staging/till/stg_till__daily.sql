select receipt, amount from {{ ref('receipts') }}
