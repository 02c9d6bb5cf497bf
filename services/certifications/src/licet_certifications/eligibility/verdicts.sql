-- Verdicts with the decisions they come from, in force or of the past.

-- name: read_verdicts
-- For each shift, in order, the intervals it meets and the decision they are in: that for its location, or
-- else the one for no particular location.
select
    found.location, found.version, found.computed_at,
    found.intervals[
        width_bucket(shift.start, found.edges) + 1 :
        width_bucket(shift.finish - interval '1 microsecond', found.edges) + 1
    ] as intervals
from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
    with ordinality as shift (holder_id, target, location, start, finish, n)
left join lateral (
    select location, version, computed_at, edges, intervals
    from timelines
    where holder_id = shift.holder_id and target = shift.target and location in (shift.location, '*')
        and ended_at is null
    order by location = '*'
    limit 1
) as found on true
order by shift.n;

-- name: read_known_verdict
-- What was known at an instant ($6) of a shift: the intervals it meets and the decision that was in force
-- then, for its location, or else for no particular location.
select
    found.location, found.version, found.computed_at, found.facts,
    found.intervals[
        width_bucket($4::timestamptz, found.edges) + 1 :
        width_bucket($5::timestamptz - interval '1 microsecond', found.edges) + 1
    ] as intervals
from (
    select location, version, computed_at, facts, edges, intervals
    from timelines
    where holder_id = $1 and target = $2 and location in ($3, '*')
        and computed_at <= $6 and (ended_at is null or ended_at > $6)
    union all
    select location, version, computed_at, facts, edges, intervals
    from past_timelines
    where holder_id = $1 and target = $2 and location in ($3, '*')
        and computed_at <= $6 and replaced_at > $6
) as found
order by found.location = '*', found.version desc
limit 1;
