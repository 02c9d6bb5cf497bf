-- name: sizes_of_next_rows
-- How large the next rows of the outbox are, by topic.
select topic, max(size) as largest, array_agg(size) as sizes
from (
    select
        topic,
        octet_length(record_key) + octet_length(headers::text) + coalesce(octet_length(value), 0) as size
    from outbox order by id limit $1
) as next_rows
group by topic;
