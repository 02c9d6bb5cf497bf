-- Rosters: who may do a target's work for the whole of an interval, and who has which targets.

-- name: candidates_anywhere
-- Holders who may do a target's work ($1) at no particular location for the whole of an interval ($2, $3), those
-- who stay eligible longest first, after a place in that order ($4, $5).
-- Timelines at `*` are in one order for each set of locations of their own; there are about as many such sets as
-- locations. The first rows of each set are merged.
with recursive sets as (
    (
        select elsewhere from eligible_spans
        where target = $1 and location = '*'
        order by elsewhere limit 1
    )
    union all
    select (
        select s.elsewhere from eligible_spans s
        where s.target = $1 and s.location = '*' and s.elsewhere > sets.elsewhere
        order by s.elsewhere limit 1
    )
    from sets where sets.elsewhere is not null
), found as (
    select first.holder_id, first.ends_at
    from sets cross join lateral (
        select s.holder_id, s.ends_at
        from eligible_spans s
        where s.target = $1 and s.location = '*' and s.elsewhere = sets.elsewhere
            and s.starts_at <= $2 and s.ends_at >= $3
            and (s.ends_at, s.holder_id) < (
                coalesce($4::timestamptz, 'infinity'), coalesce($5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            )
        order by s.ends_at desc, s.holder_id desc
        limit $6
    ) first
    where sets.elsewhere is not null
    order by first.ends_at desc, first.holder_id desc
    limit $6
)
select found.holder_id, nullif(found.ends_at, 'infinity') as ends_at, h.team, h.location
from found join holders h on h.id = found.holder_id
order by found.ends_at desc, found.holder_id desc;

-- name: candidates_at
-- The same at a location ($7): timelines of its own, and those at `*` of holders who have none there.
with recursive sets as (
    (
        select elsewhere from eligible_spans
        where target = $1 and location = '*'
        order by elsewhere limit 1
    )
    union all
    select (
        select s.elsewhere from eligible_spans s
        where s.target = $1 and s.location = '*' and s.elsewhere > sets.elsewhere
        order by s.elsewhere limit 1
    )
    from sets where sets.elsewhere is not null
), keys as (
    select $7::text as location, '{}'::text[] as elsewhere
    union all
    select '*', elsewhere from sets where elsewhere is not null and $7 <> all (elsewhere)
), found as (
    select first.holder_id, first.ends_at
    from keys cross join lateral (
        select s.holder_id, s.ends_at
        from eligible_spans s
        where s.target = $1 and s.location = keys.location and s.elsewhere = keys.elsewhere
            and s.starts_at <= $2 and s.ends_at >= $3
            and (s.ends_at, s.holder_id) < (
                coalesce($4::timestamptz, 'infinity'), coalesce($5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            )
        order by s.ends_at desc, s.holder_id desc
        limit $6
    ) first
    order by first.ends_at desc, first.holder_id desc
    limit $6
)
select found.holder_id, nullif(found.ends_at, 'infinity') as ends_at, h.team, h.location
from found join holders h on h.id = found.holder_id
order by found.ends_at desc, found.holder_id desc;

-- template: candidates_among
-- The same among the holders of some teams, or at some locations of theirs. All of these are looked at, by key.
select h.id as holder_id, nullif(s.ends_at, 'infinity') as ends_at, h.team, h.location
from holders h
cross join lateral (
    select case when exists (
        select from timelines t
        where t.holder_id = h.id and t.target = :target and t.location = :place and t.ended_at is null
    ) then :place else '*' end as location
) as spoken
join eligible_spans s on s.holder_id = h.id and s.target = :target and s.location = spoken.location
where s.starts_at <= :start and s.ends_at >= :finish
  and h.team = :team                    --if team
  and h.team = any (:teams)             --if teams
  and h.location = any (:locations)     --if locations
  and (s.ends_at, s.holder_id) < (coalesce(:after_end, 'infinity'::timestamptz), :after) --if after_end
  and (s.ends_at, s.holder_id) < ('infinity'::timestamptz, :after) --if after_open
order by s.ends_at desc, s.holder_id desc
limit :limit;

-- template: page_holders
-- Active holders who have one of some targets, in the order of their ids.
select h.id, h.team, h.location
from holders h
where h.active and h.targets && :targets
  and h.id > :after                     --if after
  and h.team = :team                    --if team
  and h.team = any (:teams)             --if teams
  and h.location = any (:locations)     --if locations
order by h.id
limit :limit;

-- name: read_required_targets
-- The targets that requirements name.
select distinct target from requirements order by target limit $1;
