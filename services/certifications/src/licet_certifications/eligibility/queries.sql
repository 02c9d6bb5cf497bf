-- Timelines: what they are computed from, the work that is due, the decisions, and the answers.

-- name: claim_changes
-- Take changed facts off the list, oldest first, leaving those that somebody else has in hand.
delete from changes c
using (
    select kind, subject, type from changes order by queued_at limit $1 for update skip locked
) as next
where c.kind = next.kind and c.subject = next.subject and c.type = next.type
returning c.kind, c.subject, c.type, c.correlation_id, c.causation_id, c.traceparent;

-- name: queue_affected
-- Queue every holder and target whose timeline may rest on one of the changed facts ($1: JSON array).
-- A holder: its targets, and those it had. A credential: only targets whose requirements name its type, by
-- code or alias. A requirement: all holders of its target. A location: where jurisdictions have to match.
-- A name of a type: all holders of targets whose requirements say it. What is about one holder comes before
-- what is about all of a target (`bulk`), so that no renewal waits behind a changed requirement.
with changed as (
    select * from jsonb_to_recordset($1::jsonb) as t (
        kind text, subject text, type text, correlation_id text, causation_id text, traceparent text
    )
), affected as (
    select h.id as holder_id, has.target, false as bulk, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join holders h on h.id = c.subject::uuid
    cross join unnest(h.targets) as has (target)
    where c.kind = 'holder'
    union all
    select t.holder_id, t.target, false, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join timelines t on t.holder_id = c.subject::uuid and t.ended_at is null
    where c.kind = 'holder'
    union all
    select h.id, v.target, false, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join holders h on h.id = c.subject::uuid
    cross join unnest(h.targets) as has (target)
    left join credential_types t on t.code = c.type
    join requirement_versions v
        on v.target = has.target and v.types && (array[c.type] || coalesce(t.aliases, '{}'))
    where c.kind = 'credential'
    union all
    select h.id, c.subject, true, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join holders h on h.targets @> array[c.subject]
    where c.kind = 'requirement'
    union all
    select t.holder_id, t.target, true, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join timelines t on t.location = c.subject and t.ended_at is null
    join requirement_versions v on v.target = t.target and v.match_jurisdiction
    where c.kind = 'location'
    union all
    select h.id, v.target, true, c.correlation_id, c.causation_id, c.traceparent
    from changed c
    join requirement_versions v on c.subject = any (v.types)
    join holders h on h.targets @> array[v.target]
    where c.kind = 'name'
)
insert into recomputations (holder_id, target, bulk, correlation_id, causation_id, traceparent)
select distinct on (holder_id, target) holder_id, target, bulk, correlation_id, causation_id, traceparent
from affected
order by holder_id, target, bulk
on conflict (holder_id, target) do update set
    bulk = recomputations.bulk and excluded.bulk,
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: claim_recomputations
-- Take pairs off the list, single ones before those of a bulk and then the oldest first, leaving those that
-- somebody else has in hand.
delete from recomputations r
using (
    select holder_id, target from recomputations
    where queued_at <= clock_timestamp()
    order by bulk, queued_at limit $1
    for update skip locked
) as next
where r.holder_id = next.holder_id and r.target = next.target
returning r.holder_id, r.target, r.correlation_id, r.causation_id, r.traceparent;

-- name: postpone
-- Put a pair that can't be computed back on the list for later, behind all others.
insert into recomputations (holder_id, target, queued_at, correlation_id, causation_id, traceparent)
values ($1, $2, clock_timestamp() + $3, $4, $5, $6)
on conflict (holder_id, target) do nothing;

-- name: count_pending
-- How much work on the lists could be done now.
select
    (select count(*) from changes)
    + (select count(*) from recomputations where queued_at <= clock_timestamp());

-- name: read_holders
-- What is known of some holders.
select id, version, active, team, location, targets from holders where id = any ($1::uuid[]);

-- name: read_requirement_versions
-- All versions of all requirements of some targets.
select target, state from requirement_versions where target = any ($1::text[]);

-- name: read_types
-- The credential types that are called by some names. A code is nobody's alias; should two types claim an
-- alias while it goes from one to the other, it is that of the last row.
select name, t.code, t.version
from unnest($1::text[]) as name
join credential_types t on t.code = name or name = any (t.aliases)
order by name, t.code = name, t.code;

-- name: read_credentials
-- The credentials of some holders, of some types only.
select id, version, holder_id, type, facts from credentials
where holder_id = any ($1::uuid[]) and type = any ($2::text[]);

-- name: read_waivers
-- The waivers of some holders for some targets that hold at some time, those of the past too.
select id, version, holder_id, requirement_id, target, starts_at, ends_at, state ->> 'type' as type,
    array(select jsonb_array_elements_text(state -> 'locations')) as locations
from waivers
where holder_id = any ($1::uuid[]) and target = any ($2::text[])
    and status in ('granted', 'revoked', 'ended') and starts_at < ends_at;

-- name: read_locations
-- What is known of some locations.
select code, version, country, subdivision from locations where code = any ($1::text[]);

-- name: lock_timelines
-- The decisions for some pairs, also ended ones, so that nobody else decides meanwhile.
select t.holder_id, t.target, t.location, t.version, t.edges, t.intervals, t.facts, t.computed_at, t.ended_at
from timelines t
join unnest($1::uuid[], $2::text[]) as pair (holder_id, target)
    on t.holder_id = pair.holder_id and t.target = pair.target
order by t.holder_id, t.target, t.location
for update of t;

-- name: keep_past
-- Put decisions that are about to be replaced into the record of the past.
insert into past_timelines (
    holder_id, target, location, version, edges, intervals, facts, computed_at, replaced_at
)
select
    t.holder_id, t.target, t.location, t.version, t.edges, t.intervals, t.facts, t.computed_at,
    coalesce(t.ended_at, $4)
from timelines t
join unnest($1::uuid[], $2::text[], $3::text[]) as key (holder_id, target, location)
    on t.holder_id = key.holder_id and t.target = key.target and t.location = key.location
on conflict do nothing;

-- name: save_timelines
-- Make decisions the ones in force; edges and intervals are arrays as text.
insert into timelines (holder_id, target, location, version, edges, intervals, facts, computed_at)
select holder_id, target, location, version, edges::timestamptz[], intervals::json[], facts::jsonb, $8
from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]) as t (
    holder_id, target, location, version, edges, intervals, facts
)
order by holder_id, target, location
on conflict (holder_id, target, location) do update set
    version = excluded.version, edges = excluded.edges, intervals = excluded.intervals, facts = excluded.facts,
    computed_at = excluded.computed_at, ended_at = null;

-- name: end_timelines
-- Note that there is no decision any more for some keys.
update timelines t set ended_at = $4
from unnest($1::uuid[], $2::text[], $3::text[]) as key (holder_id, target, location)
where t.holder_id = key.holder_id and t.target = key.target and t.location = key.location;

-- name: check
-- For each shift, in order, the intervals it meets, out of the decision for its location, or else of the
-- one for no particular location. An interval holds its start and not its end, and so does a shift; the
-- microsecond is the smallest step of an instant. Looked up shift by shift, whatever the size of the table.
select
    found.intervals[
        width_bucket(shift.start, found.edges) + 1 :
        width_bucket(shift.finish - interval '1 microsecond', found.edges) + 1
    ] as intervals
from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
    with ordinality as shift (holder_id, target, location, start, finish, n)
left join lateral (
    select edges, intervals
    from timelines
    where holder_id = shift.holder_id and target = shift.target and location in (shift.location, '*')
        and ended_at is null
    order by location = '*'
    limit 1
) as found on true
order by shift.n;

-- name: check_one
-- The same for one shift. The planner keeps the plan of this one; for a list it plans each time, which
-- costs more than the look-up.
select
    intervals[
        width_bucket($4::timestamptz, edges) + 1 :
        width_bucket($5::timestamptz - interval '1 microsecond', edges) + 1
    ] as intervals
from timelines
where holder_id = $1 and target = $2 and location in ($3, '*') and ended_at is null
order by location = '*'
limit 1;

-- name: read_known_targets
-- Those of some targets that a requirement has named or a holder has had.
select target from targets where target = any ($1::text[]);

-- name: read_timeline
-- The decision in force for a location, or else the one for no particular location.
select holder_id, target, location, version, edges, intervals, facts, computed_at, ended_at
from timelines
where holder_id = $1 and target = $2 and location in ($3, '*') and ended_at is null
order by location = '*'
limit 1;

-- name: page_timelines
-- Decisions in force after a key, in order, locked so that no newer one gets into the outbox before.
select holder_id, target, location, version, edges, intervals, facts, computed_at, ended_at
from timelines
where ended_at is null and (holder_id, target, location) > ($1, $2, $3)
order by holder_id, target, location
limit $4
for update;

-- name: forget_holder
-- Delete every decision about a holder, past and present, and what is to be computed of it; returns the
-- keys that decisions had, those that had ended too: what ended their keys may not be sent yet.
with past_gone as (
    delete from past_timelines where holder_id = $1
), queued as (
    delete from recomputations where holder_id = $1
)
delete from timelines where holder_id = $1
returning target, location, version + case when ended_at is null then 1 else 2 end as version;
