-- name: outbox_length
-- How many rows the outbox holds, up to a bound.
select count(*) from (select 1 from outbox limit $1) as bounded;

-- name: last_of_topic
-- The newest row of a topic that is not newer than a given one.
select max(id) from outbox where topic = $1 and id <= $2;
