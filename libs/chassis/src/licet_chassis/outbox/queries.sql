-- name: append
-- Insert records in their order; returns the transaction's id. The one-time filter draws that id before the first
-- row draws an id of the outbox; the relay's low mark rests on that order.
with appended as (
    insert into outbox (shard, topic, partition_key, record_key, headers, value)
    select r.shard, r.topic, r.partition_key, r.record_key, r.headers, r.value
    from unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[])
        with ordinality as r (shard, topic, partition_key, record_key, headers, value, ordinality)
    where pg_current_xact_id() is not null
    order by r.ordinality
)
select pg_current_xact_id()::text::bigint;

-- name: next_rows
-- The next rows of some shards above the low mark, without those in flight and those of topics on hold.
-- One statement, so one snapshot: reading late rows and new ones apart could take a row and miss an
-- earlier one of the same key. The first two columns come even without a row: the snapshot's xmin and
-- the last id drawn. A large value is left out, only its size comes.
select s.xmin, s.last_drawn, o.id, o.shard, o.topic, o.partition_key, o.record_key, o.headers, o.value, o.size
from (
    select
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
        (select case when is_called then last_value else 0 end from outbox_id_seq) as last_drawn
) as s
left join lateral (
    select
        id, shard, topic, partition_key, record_key, headers,
        case when octet_length(value) <= $6 then value end as value,
        octet_length(value) as size
    from outbox
    where id > $1
        and shard = any($2::smallint[])
        and topic <> all($3::text[])
        and id not in (select unnest($4::bigint[]))
    order by id
    limit $5
) as o on true;

-- name: one_value
-- The value of a row.
select value from outbox where id = $1;

-- name: delete_rows
-- Remove what Kafka has acknowledged; returns the transaction's id.
with removed as (delete from outbox where id = any($1::bigint[]))
select pg_current_xact_id()::text::bigint;

-- name: draw_transaction_id
-- A transaction id of our own, drawn now.
select pg_current_xact_id()::text::bigint;

-- name: any_row
-- Whether anything waits at all.
select exists (select from outbox);

-- name: count_rows
-- How many rows wait.
select count(*) from outbox;

-- name: join_relays
-- Become a member of this database's relays, until the session ends or leaves.
select pg_advisory_lock($1, pg_backend_pid());

-- name: leave_relays
-- Give up membership and every shard.
select pg_advisory_unlock_all();

-- name: relays_and_shards
-- Who is a relay of this database and who holds which shard.
select classid::bigint::integer as class, objid::bigint::integer as object, pid, pid = pg_backend_pid() as ours
from pg_locks
where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())
    and objsubid = 2
    and granted
    and classid::bigint in ($1, $2);

-- name: take_shards
-- Lock those of the given shards that nobody holds.
select wanted.shard from unnest($2::integer[]) as wanted (shard) where pg_try_advisory_lock($1, wanted.shard);

-- name: release_shards
-- Unlock shards.
select pg_advisory_unlock($1, held.shard) from unnest($2::integer[]) as held (shard);
