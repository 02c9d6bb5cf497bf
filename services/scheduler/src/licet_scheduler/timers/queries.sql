-- Lock order: holders, timers, credentials; rows of one table by id. Whoever changes the due time of a timer
-- locks the row of the timer first, and only then reads the state from which it follows.

-- name: lock_holders
-- Lock holders for update, and return their state.
select id, version, active from holders where id = any($1::uuid[]) order by id for update;

-- name: share_holders
-- Lock holders against changes while timers are set from their state.
select id from holders where id = any($1::uuid[]) order by id for share;

-- name: upsert_holders
-- Upsert states of holders; a state older than the stored one is ignored.
insert into holders (id, version, active, team, location)
select incoming.id, incoming.version, incoming.active, incoming.team, incoming.location
from unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::text[], $5::text[])
    as incoming (id, version, active, team, location)
order by incoming.id
on conflict (id) do update set
    version = excluded.version,
    active = excluded.active,
    team = excluded.team,
    location = excluded.location
where holders.version < excluded.version
    or (
        holders.version = excluded.version
        and (holders.active, holders.team, holders.location)
            is distinct from (excluded.active, excluded.team, excluded.location)
    );

-- name: upsert_plans
-- Upsert plans of credentials and enrolments, ignoring those older than the stored ones; returns written ids.
insert into credentials (id, version, holder_id, plan, subject)
select incoming.id, incoming.version, incoming.holder_id, incoming.plan, incoming.subject
from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::json[], $5::text[])
    as incoming (id, version, holder_id, plan, subject)
order by incoming.id
on conflict (id) do update set
    version = excluded.version,
    holder_id = excluded.holder_id,
    plan = excluded.plan
where credentials.version < excluded.version
    or (credentials.version = excluded.version and credentials.plan::text <> excluded.plan::text)
returning id;

-- name: end_credentials
-- Delete moved credentials that are still stored under the old holder, and their timers. One that is stored
-- under another holder stays: its new state arrived before the tombstone.
with ended as (
    delete from credentials c
    using unnest($1::uuid[], $2::uuid[]) as incoming (id, holder_id)
    where c.id = incoming.id and c.holder_id = incoming.holder_id
    returning c.id
)
delete from timers t using ended where t.credential_id = ended.id;

-- name: lock_timers
-- Lock timers, so that no other instance decides on their subjects.
select credential_id from timers where credential_id = any($1::uuid[]) order by credential_id for update;

-- name: lock_timers_of_holders
-- Lock the timers of holders, so that no other instance decides on them.
select timers.credential_id
from timers
join credentials on credentials.id = timers.credential_id
where credentials.holder_id = any($1::uuid[])
order by timers.credential_id
for update of timers;

-- name: claim_timers
-- Claim due timers, the longest due first, skipping those that other instances have claimed.
select credential_id from timers where due_at <= $1 order by due_at limit $2 for update skip locked;

-- name: plan_anew
-- Plan the following statements anew. A generic plan cached while `decisions` was small scans the whole table,
-- and a catch-up fills the table long before it is analysed and cached plans are dropped.
select set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: read_timers
-- Subjects with their plans, and whether their holders are active.
select c.id, c.version, c.holder_id, c.plan, c.subject, coalesce(h.active, true) as holder_active
from credentials c
left join holders h on h.id = c.holder_id
where c.id = any($1::uuid[]);

-- name: read_decisions
-- Decisions so far, in order.
select
    credential_id, id, kind, term_id, term_revision, step, at, outcome, reason, credential_version, decided_at
from decisions
where credential_id = any($1::uuid[])
order by number;

-- name: set_timers
-- Upsert due times of timers; null if nothing is left to decide.
insert into timers (credential_id, due_at)
select incoming.credential_id, incoming.due_at
from unnest($1::uuid[], $2::timestamptz[]) as incoming (credential_id, due_at)
order by incoming.credential_id
on conflict (credential_id) do update set due_at = excluded.due_at
where timers.due_at is distinct from excluded.due_at;

-- name: insert_decisions
-- Insert decisions, with the published event of each announced one.
insert into decisions (
    credential_id, id, outcome, reason, kind, term_id, term_revision, step, at, credential_version,
    decided_at, recorded_at, correlation_id, event
)
select
    new.credential_id, new.id, new.outcome, new.reason, new.kind, new.term_id, new.term_revision,
    new.step, new.at, new.credential_version, $12, $13, new.correlation_id, new.event
from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::integer[], $8::integer[],
    $9::timestamptz[], $10::bigint[], $11::uuid[], $14::json[]
) with ordinality as new (
    credential_id, id, outcome, reason, kind, term_id, term_revision, step, at, credential_version,
    correlation_id, event, ordinality
)
order by new.ordinality;

-- name: page_of_plans
-- Ids of credentials with a plan, in order.
select id from credentials
where subject = 'credential' and ($1::uuid is null or id > $1) order by id limit $2;

-- name: count_plans
-- How many of them come after an id.
select count(*) from credentials where subject = 'credential' and ($1::uuid is null or id > $1);

-- name: move_plans
-- Write plans whose instants were derived again, of states that are still the newest.
update credentials c set plan = moved.plan
from unnest($1::uuid[], $2::bigint[], $3::json[]) as moved (id, version, plan)
where c.id = moved.id and c.version = moved.version;

-- name: list_timers
-- A page of timers by id, within the visible teams and locations; $5 filters by subject.
select
    c.id, c.version, c.holder_id, c.plan, c.subject, coalesce(h.active, true) as holder_active, t.due_at
from timers t
join credentials c on c.id = t.credential_id
left join holders h on h.id = c.holder_id
where ($1::uuid is null or t.credential_id > $1)
    and ($2::text[] is null or h.team = any($2))
    and ($3::text[] is null or h.location = any($3))
    and ($5::text is null or c.subject = $5)
order by t.credential_id
limit $4;

-- name: find_timer
-- The timer of one credential or enrolment, if its holder is visible.
select
    c.id, c.version, c.holder_id, c.plan, c.subject, coalesce(h.active, true) as holder_active, t.due_at
from timers t
join credentials c on c.id = t.credential_id
left join holders h on h.id = c.holder_id
where t.credential_id = $1
    and ($2::text[] is null or h.team = any($2))
    and ($3::text[] is null or h.location = any($3));

-- name: count_due
-- Number of due timers, up to a bound.
select count(*) from (select 1 from timers where due_at <= $1 limit $2) as bounded;

-- name: next_due
-- The next instant after now at which a timer is due.
select min(due_at) from timers where due_at > $1;

-- name: page_announced
-- Events published since an instant of machine time, in their order, after a cursor.
select
    recorded_at, number, id, kind, decided_at, correlation_id, event
from decisions
where event is not null
    and recorded_at >= $1
    and ($2::timestamptz is null or (recorded_at, number) > ($2, $3))
order by recorded_at, number
limit $4;

-- name: forget_holder
-- Delete a holder, its credentials and enrolments, their timers and all decisions about them.
with theirs as (
    delete from credentials where holder_id = $1 returning id
), timers_gone as (
    delete from timers where credential_id in (select id from theirs)
), decisions_gone as (
    delete from decisions where credential_id in (select id from theirs)
)
delete from holders where id = $1;
