-- Locks are taken in this order: holders, timers, credentials; rows of one table in order of id. Whoever
-- changes when a timer is due holds the row of the timer and reads what it follows from after that.

-- name: lock_holders
-- What is known of holders, kept from changing while it is being changed.
select id, version, active from holders where id = any($1::uuid[]) order by id for update;

-- name: share_holders
-- Keep holders as they are while timers are set by them.
select id from holders where id = any($1::uuid[]) order by id for share;

-- name: upsert_holders
-- Take over the states of holders, each unless a newer one is known.
insert into holders (id, version, active, team, location)
select told.id, told.version, told.active, told.team, told.location
from unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::text[], $5::text[])
    as told (id, version, active, team, location)
order by told.id
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
-- Take over the plans of credentials and enrolments, each unless a newer one is known; returns those that were taken.
insert into credentials (id, version, holder_id, plan, subject)
select told.id, told.version, told.holder_id, told.plan, told.subject
from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::json[], $5::text[])
    as told (id, version, holder_id, plan, subject)
order by told.id
on conflict (id) do update set
    version = excluded.version,
    holder_id = excluded.holder_id,
    plan = excluded.plan
where credentials.version < excluded.version
    or (credentials.version = excluded.version and credentials.plan::text <> excluded.plan::text)
returning id;

-- name: end_credentials
-- Forget credentials that are still kept under a holder whom they have left, and their timers. One that is
-- kept under another holder was told of there before, and stays.
with ended as (
    delete from credentials c
    using unnest($1::uuid[], $2::uuid[]) as told (id, holder_id)
    where c.id = told.id and c.holder_id = told.holder_id
    returning c.id
)
delete from timers t using ended where t.credential_id = ended.id;

-- name: lock_timers
-- Keep others from deciding on credentials.
select credential_id from timers where credential_id = any($1::uuid[]) order by credential_id for update;

-- name: lock_timers_of_holders
-- Keep others from deciding on the credentials of holders.
select timers.credential_id
from timers
join credentials on credentials.id = timers.credential_id
where credentials.holder_id = any($1::uuid[])
order by timers.credential_id
for update of timers;

-- name: claim_timers
-- Take some of the timers that are due, the longest due first, leaving out those that others have taken.
select credential_id from timers where due_at <= $1 order by due_at limit $2 for update skip locked;

-- name: plan_anew
-- Plan what follows for the tables as they are now. A plan kept from when `decisions` was small reads all
-- of it, and a catch-up fills it long before anything is analysed and old plans are dropped.
select set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: read_timers
-- What timers follow from.
select c.id, c.version, c.holder_id, c.plan, c.subject, coalesce(h.active, true) as holder_active
from credentials c
left join holders h on h.id = c.holder_id
where c.id = any($1::uuid[]);

-- name: read_decisions
-- What was decided of credentials so far, in order.
select
    credential_id, id, kind, term_id, term_revision, step, at, outcome, reason, credential_version, decided_at
from decisions
where credential_id = any($1::uuid[])
order by number;

-- name: set_timers
-- Set when timers are due; null for those that have nothing to wait for.
insert into timers (credential_id, due_at)
select told.credential_id, told.due_at
from unnest($1::uuid[], $2::timestamptz[]) as told (credential_id, due_at)
order by told.credential_id
on conflict (credential_id) do update set due_at = excluded.due_at
where timers.due_at is distinct from excluded.due_at;

-- name: keep_decisions
-- Keep what was decided and, of the announced, what was published.
insert into decisions (
    credential_id, id, outcome, reason, kind, term_id, term_revision, step, at, credential_version,
    decided_at, recorded_at, correlation_id, event
)
select
    made.credential_id, made.id, made.outcome, made.reason, made.kind, made.term_id, made.term_revision,
    made.step, made.at, made.credential_version, $12, $13, made.correlation_id, made.event
from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::integer[], $8::integer[],
    $9::timestamptz[], $10::bigint[], $11::uuid[], $14::json[]
) with ordinality as made (
    credential_id, id, outcome, reason, kind, term_id, term_revision, step, at, credential_version,
    correlation_id, event, ordinality
)
order by made.ordinality;

-- name: list_timers
-- Timers in order of ids after one, of the teams and locations that may be seen; $5: only of that subject.
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
-- The timer of one credential or enrolment, if its holder may be seen.
select
    c.id, c.version, c.holder_id, c.plan, c.subject, coalesce(h.active, true) as holder_active, t.due_at
from timers t
join credentials c on c.id = t.credential_id
left join holders h on h.id = c.holder_id
where t.credential_id = $1
    and ($2::text[] is null or h.team = any($2))
    and ($3::text[] is null or h.location = any($3));

-- name: count_due
-- How many timers are due, up to a bound.
select count(*) from (select 1 from timers where due_at <= $1 limit $2) as bounded;

-- name: next_due
-- The next instant after now at which a timer is due.
select min(due_at) from timers where due_at > $1;

-- name: page_announced
-- What was published since an instant of machine time, in that order, after a place in it.
select
    recorded_at, number, id, kind, decided_at, correlation_id, event
from decisions
where event is not null
    and recorded_at >= $1
    and ($2::timestamptz is null or (recorded_at, number) > ($2, $3))
order by recorded_at, number
limit $4;

-- name: forget_holder
-- Delete a holder, its credentials, their timers and all that was decided of them.
with theirs as (
    delete from credentials where holder_id = $1 returning id
), timers_gone as (
    delete from timers where credential_id in (select id from theirs)
), decisions_gone as (
    delete from decisions where credential_id in (select id from theirs)
)
delete from holders where id = $1;
