-- name: share_restraint
-- Keep rules and stops as they are until the transaction ends.
select pg_advisory_xact_lock_shared(hashtextextended('licet.restraint', 0));

-- name: change_restraint
-- Hold off mails that are about to begin, and whoever else changes rules or stops, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.restraint', 0));

-- name: read_rules
-- The rules with who set them; nothing where nobody has.
select rules, version, note, set_by, updated_at from restraint;

-- name: save_rules
-- Set the rules.
insert into restraint (rules, version, note, set_by, updated_at) values ($1, $2, $3, $4, $5)
on conflict (only_row) do update set
    rules = excluded.rules, version = excluded.version, note = excluded.note, set_by = excluded.set_by,
    updated_at = excluded.updated_at;

-- name: read_stops
-- Stops in force, the oldest first.
select id, event, type, team, reason, stopped_by, since from stops where ended_at is null order by since, id;

-- name: insert_stop
-- Begin a stop.
insert into stops (id, event, type, team, reason, stopped_by, since) values ($1, $2, $3, $4, $5, $6, $7);

-- name: end_stops
-- End stops, with what becomes of what they held.
update stops set ended_at = $2, ended_by = $3, held = $4 where id = any($1::uuid[]);

-- name: release_notifications
-- Let held mails be looked at again: each is decided anew, and one that is silenced ($3) is recorded as such.
with released as (
    update notifications set
        state = 'pending', not_before = $2, stop_id = null, silenced = $3, version = version + 1, updated_at = $2
    where state = 'held' and stop_id = any($1::uuid[])
    returning 1
)
select count(*) from released;

-- name: release_shift_digests
-- The same for held mails about shifts.
with released as (
    update shift_digests set state = 'pending', stop_id = null, silenced = $3, updated_at = $2
    where state = 'held' and stop_id = any($1::uuid[])
    returning 1
)
select count(*) from released;

-- name: count_held
-- How many mails each of some stops holds.
select stop_id, count(*) as held from (
    select stop_id from notifications where state = 'held'
    union all
    select stop_id from shift_digests where state = 'held'
) as held
where stop_id = any($1::uuid[])
group by stop_id;

-- name: count_waiting
-- How many mails within a scope of event ($1), type ($2) and team ($3) wait for their time.
select
    (
        select count(*) from notifications n
        left join credentials c on c.id = n.credential_id
        left join holders h on h.id = n.holder_id
        where n.state = 'pending'
          and ($1::text is null or n.template = $1 || '.v1' or ($1 = 'digest' and n.digest_id is not null))
          and ($2::text is null or lower(c.type) = lower($2))
          and ($3::text is null or lower(h.team) = lower($3))
    ) + (
        select count(*) from shift_digests d
        where d.state = 'pending' and ($1 is null or $1 = 'shift.at_risk') and $2 is null
          and ($3 is null or lower(d.team) = lower($3))
    );
