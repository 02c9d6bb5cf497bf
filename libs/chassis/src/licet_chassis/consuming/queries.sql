-- name: note_effect
-- Note that an event has its effect now; returns nothing if it had it before.
insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing returning true;

-- name: forget_effects
-- Drop a bounded number of notes that have outlived every topic's retention.
delete from inbox where (consumer, event_id) in (
    select consumer, event_id from inbox where received_at < now() - $1::interval order by received_at limit 5000
);

-- name: keep_progress
-- Note how far the consumer has come, for each partition of a batch. Within a cluster it never goes back:
-- a member that lost a partition with a batch in hand may finish after the next owner has gone on.
insert into progress (consumer, topic, partition, cluster_id, position)
select $1, * from unnest($2::text[], $3::int[], $4::text[], $5::bigint[])
on conflict (consumer, topic, partition) do update set
    position = case
        when progress.cluster_id = excluded.cluster_id then greatest(progress.position, excluded.position)
        else excluded.position
    end,
    cluster_id = excluded.cluster_id, at = now();

-- name: read_progress
-- How far the consumer had come on some topics' partitions, and in which cluster.
select topic, partition, cluster_id, position, at from progress
where consumer = $1 and topic = any($2::text[]);

-- name: touch_progress
-- Note that the consumer still reads these partitions, though nothing came.
update progress set at = now()
where consumer = $1 and cluster_id = $2 and lost_at is null
  and (topic, partition) in (select * from unnest($3::text[], $4::int[]));

-- name: lose_stale_positions
-- Mark positions in another cluster, or not read for too long, as lost: a backfill is needed.
update progress set lost_at = at, found_by = '{}'
where consumer = $1 and lost_at is null and topic = any($5::text[])
  and (cluster_id <> $2 or (topic = any($3::text[]) and at < now() - $4::interval))
returning topic, partition;

-- name: lose_position
-- Mark the position on a partition as lost: a backfill is needed. It begins again where the log is read
-- now, else a log that was truncated would be found truncated for ever.
update progress set lost_at = coalesce(lost_at, at), found_by = '{}', position = $4
where consumer = $1 and topic = $2 and partition = $3;

-- name: find_position
-- Note that one owner's backfill, begun after the position was lost, has been read; found once all owners' were.
update progress set
    found_by = case when found_by || $5::text @> $6::text[] then '{}' else found_by || $5::text end,
    lost_at = case when found_by || $5::text @> $6::text[] then null else lost_at end
where consumer = $1 and topic = $2 and partition = $3 and lost_at < $4;

-- name: lost_positions
-- Which of a consumer's partitions still need a backfill.
select consumer, topic, partition from progress
where lost_at is not null
  and (consumer, topic) in (select * from unnest($1::text[], $2::text[]))
order by 1, 2, 3;

-- name: any_parked
-- Whether a consumer has any parked records that were not replayed.
select exists (select 1 from parked where consumer = $1 and replayed_at is null);

-- name: any_parked_of
-- Whether any of these partition keys has parked records that were not replayed.
select exists (
    select 1 from parked
    where consumer = $1 and replayed_at is null
      and (topic, partition_key) in (select * from unnest($2::text[], $3::text[]))
);

-- name: lock_key
-- Keep others from parking or replaying the same key of the same consumer, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended($1::text || '/' || $2::text || '/' || $3::text, 0));

-- name: is_parked
-- Whether a partition key has parked records that were not replayed.
select exists (
    select 1 from parked where consumer = $1 and topic = $2 and partition_key = $3 and replayed_at is null
);

-- name: park
-- Keep a record that can't be handled; parking it again changes nothing.
insert into parked (
    consumer, cluster_id, topic, partition, position, partition_key, record_key, headers, value, reason, attempts
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (consumer, cluster_id, topic, partition, position) do nothing;

-- name: list_parked
-- Parked records that were not replayed, oldest first, a page at a time.
select id, consumer, topic, partition, position, partition_key, reason, attempts, parked_at
from parked where replayed_at is null and id > $1 order by id limit $2;

-- name: show_parked
-- One parked record with its bytes.
select * from parked where id = $1;

-- name: parked_keys_to_replay
-- The keys that have open records, or those of the records that were named, a page after a given one.
select distinct consumer, topic, partition_key from parked
where replayed_at is null and ($1::bigint[] is null or id = any($1::bigint[]))
  and (consumer, topic, partition_key) > ($3, $4, $5)
order by 1, 2, 3 limit $2;

-- name: next_parked
-- The oldest open record of a key, locked.
select * from parked
where consumer = $1 and topic = $2 and partition_key = $3 and replayed_at is null
order by id limit 1 for update;

-- name: mark_replayed
-- A parked record has been handled.
update parked set replayed_at = now() where id = $1;

-- name: mark_failed_again
-- A parked record failed once more.
update parked set reason = $2, attempts = attempts + 1 where id = $1;

-- name: count_parked
-- How many records are parked and not replayed.
select count(*) from parked where replayed_at is null;

-- name: keep_waiting
-- Keep an event until what it needs has arrived. If it is kept already, coming again does not postpone it.
insert into waiting (
    consumer, event_id, needs, reason, topic, partition, position, partition_key, record_key, headers, value,
    next_try
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12::interval)
on conflict (consumer, event_id) do update set
    needs = excluded.needs, reason = excluded.reason,
    next_try = least(waiting.next_try, excluded.next_try);

-- name: wake_waiting
-- What these events were waiting for has arrived.
update waiting set next_try = now() where needs = any($1::text[]);

-- name: claim_waiting
-- Lock an event that is due, skipping those that others have locked.
select *, since < now() - $1::interval as overdue from waiting
where next_try <= now() order by next_try limit 1 for update skip locked;

-- name: drop_waiting
-- The event has been handled, or given up.
delete from waiting where id = $1;

-- name: postpone_waiting
-- Try the event again later, the later the longer it has waited.
update waiting set
    needs = $2, reason = $3,
    next_try = now() + least($5::interval, greatest($4::interval, now() - since))
where id = $1;

-- name: fail_waiting
-- The event failed for another reason than what it waits for; returns how often it has.
update waiting set attempts = attempts + 1, next_try = now() + $2::interval
where id = $1 returning attempts;

-- name: count_waiting_due
-- How many waiting events are to be tried now, or are so young that what they need may be under way.
select count(*) from waiting where next_try <= now() or since > now() - interval '3 seconds';
