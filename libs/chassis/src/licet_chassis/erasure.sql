-- name: block_erasures
-- Block erasures until the transaction ends; many transactions may do so at once.
select pg_advisory_xact_lock_shared($1);

-- name: lock_for_erasure
-- Wait for the transactions that block erasures, and keep others from it until this one ends.
select pg_advisory_xact_lock($1);

-- name: erased_among
-- Which of these holders are erased. To be read after the lock, in a statement of its own: a snapshot from
-- before it would not see what the last holder of the lock committed.
select holder_id from erased_holders where holder_id = any($1::uuid[]);

-- name: note_erased
-- Put a holder on the list; true if it was not there.
insert into erased_holders (holder_id) values ($1) on conflict do nothing returning true;

-- name: list_erased
-- Holders on the list in the order of their ids, a page at a time, each with how much about it has yet to
-- reach Kafka.
select
    e.holder_id, e.erased_at,
    (select count(*) from outbox o where o.partition_key = e.holder_id::text) as unpublished
from erased_holders e
where ($1::uuid is null or e.holder_id > $1)
order by e.holder_id limit $2;

-- name: forget_unsent
-- Delete unsent rows of the outbox. A row that a relay is just deleting has been sent; skip it rather than
-- wait for the relay.
delete from outbox
where id in (select id from outbox where partition_key = any($1::text[]) order by id for update skip locked);

-- name: forget_parked
-- Drop parked records of a holder, replayed or not: by partition key, or by record key where a record names
-- none that is readable.
delete from parked
where partition_key = $1 or starts_with(partition_key, $1 || '/')
    or substring(record_key for octet_length($1)) = convert_to($1, 'UTF8');

-- name: forget_waiting
-- Drop events of a holder that wait for something, found as parked ones are.
delete from waiting where partition_key = $1 or starts_with(partition_key, $1 || '/');

-- name: forget_answers
-- Replace stored answers that contain one of these texts by a bare 410. The row stays: a request that is sent
-- again must not take effect again. Reads the whole table, a day of answers at most.
update idempotency set status = 410, headers = $2::jsonb, body = $3
where exists (
    select from unnest($1::text[]) as named (text)
    where position(convert_to(named.text, 'UTF8') in body) > 0
);
