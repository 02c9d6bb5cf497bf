-- Schedules, and when the last heartbeat was.

-- name: put_schedule
-- Write a schedule, or another rule in its place.
insert into schedules (name, kind, rule, time_zone, starts_on, next_at, version, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (name) do update set
    kind = excluded.kind, rule = excluded.rule, time_zone = excluded.time_zone, starts_on = excluded.starts_on,
    next_at = excluded.next_at, version = excluded.version, updated_at = excluded.updated_at;

-- name: delete_schedule
-- Delete a schedule.
delete from schedules where name = $1;

-- name: lock_schedule
-- One schedule, held until the transaction ends.
select name, kind, rule, time_zone, starts_on, next_at, last_at, version, updated_at from schedules
where name = $1 for update;

-- name: list_schedules
-- A page of schedules by name.
select name, kind, rule, time_zone, starts_on, next_at, last_at, version, updated_at from schedules
where $1::text is null or name > $1 order by name limit $2;

-- name: claim_schedules
-- Claim schedules whose next period has begun, skipping those that other instances have claimed.
select name, kind, rule, time_zone, starts_on, next_at, last_at, version, updated_at from schedules
where next_at <= $1 order by next_at limit $2 for update skip locked;

-- name: move_on
-- Note that a period was announced, and when the next one begins.
update schedules set last_at = $2, next_at = $3 where name = $1;

-- name: count_due
-- Number of schedules whose next period has begun.
select count(*) from schedules where next_at <= $1;

-- name: next_due
-- The next instant after now at which a period begins.
select min(next_at) from schedules where next_at > $1;

-- name: beat
-- Take the next heartbeat, if the last one is old enough ($2); another instance may have taken it. The first run
-- of a deployment begins an interval, and takes none: only an updated row has an xmax.
insert into heartbeats (beaten_at) values ($1)
on conflict (only_row) do update set beaten_at = excluded.beaten_at where heartbeats.beaten_at <= $2
returning xmax <> 0;
