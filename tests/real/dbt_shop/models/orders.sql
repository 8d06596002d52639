{{ config(materialized='table') }}
select raw.id, raw.customer_id, raw.loaded_at
from {{ source('raw', 'raw_orders') }} as raw
left join {{ ref('customers') }} as known on known.id = raw.customer_id
