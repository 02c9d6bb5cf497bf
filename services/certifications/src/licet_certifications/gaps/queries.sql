-- Who will lose eligibility within a window, read from the stored timelines in chunks of holders.

-- template: find_gaps
-- The pairs of a chunk of holders that are ineligible now, will be within the window, or rest on a waiver in it.
-- The timeline is that of the holder's location, else of no particular one. Interval n begins at edge n - 1.
-- The bounds are said of timelines too: a join that reads them in one go then reads those of the chunk, not all.
with chunk as (
    select h.id, h.team, h.location
    from holders h
    where h.active
      and h.id > :after                      --if after
      and h.id <= :last                      --if last
      and h.id = :holder                     --if holder
      and h.team = :team                     --if team
      and h.location = :location             --if location
      and h.team = any(:teams_seen)          --if teams_seen
      and h.location = any(:locations_seen)  --if locations_seen
    order by h.id
    limit :chunk
), window_of_pairs as (
    select
        h.id as holder_id, h.team, h.location, t.target, t.edges, width_bucket(:start, t.edges) as first,
        t.intervals[width_bucket(:start, t.edges) + 1 : width_bucket(:until, t.edges) + 1] as intervals
    from chunk h
    join timelines t
        on t.holder_id = h.id and t.location = coalesce(h.location, '*') and t.ended_at is null
    where true
      and t.holder_id > :after               --if after
      and t.holder_id <= :last               --if last
      and t.target = :target                 --if target
), judged as (
    select
        p.holder_id, p.team, p.location, p.target, p.edges, p.first, p.intervals, bad.n as bad,
        case when bad.n is null then waived.n end as waived
    from window_of_pairs p
    left join lateral (
        select min(i.n) as n
        from unnest(p.intervals) with ordinality as i (interval, n)
        where i.interval ->> 'verdict' = 'ineligible'
    ) as bad on true
    left join lateral (
        select min(i.n) as n
        from unnest(p.intervals) with ordinality as i (interval, n)
        where (i.interval -> 'reasons')::jsonb @? '$[*] ? (@.code == "waived")'
    ) as waived on true
)
select
    j.holder_id, j.team, j.location, j.target, j.bad, j.waived,
    case when j.bad > 1 then j.edges[j.first + j.bad - 1] end as at,
    lacking.types,
    coalesce(leads.programmes, '{}') as programmes,
    coalesce(leads.programmes, '{}') && coalesce(enrolled.programmes, '{}') as renewing
from judged j
left join lateral (
    select coalesce(array_agg(distinct r ->> 'type' order by r ->> 'type'), '{}') as types
    from json_array_elements(j.intervals[coalesce(j.bad, j.waived)] -> 'reasons') as r
    where r ->> 'type' is not null and r ->> 'code' not in ('valid', 'grace')
) as lacking on true
left join lateral (
    select array_agg(p.code order by p.code) as programmes from programmes p where p.credential_type = any (lacking.types)
) as leads on true
left join lateral (
    select array_agg(distinct e.programme) as programmes from enrolments e
    where e.holder_id = j.holder_id and e.open
) as enrolled on true
where j.bad is not null or j.waived is not null
order by j.holder_id, j.target;

-- template: last_of_chunk
-- The last holder of a chunk; none where it is the last chunk.
select h.id
from holders h
where h.active
  and h.id > :after                      --if after
  and h.team = :team                     --if team
  and h.location = :location             --if location
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
order by h.id
offset :skipped limit 1;

-- template: count_holders
-- How many active holders each group has. A type concerns those for whose targets a requirement names it,
-- a programme those whom its type concerns.
with concerned as (
    select
        distinct                               --if by_role, by_type, by_programme, target
        h.id, h.team, h.location, null::text as nothing
        , has.target                           --if by_role
        , named.type                           --if by_type
        , p.code as programme                  --if by_programme
    from holders h
    cross join unnest(h.targets) as has (target)  --if by_role, by_type, by_programme, target
    left join lateral (                        --if by_type, by_programme
        select distinct type from requirement_versions v, unnest(v.types) as type where v.target = has.target --if by_type, by_programme
    ) as named on true                         --if by_type, by_programme
    left join programmes p on p.credential_type = named.type --if by_programme
    where h.active
      and has.target = :target               --if target
      and h.team = :team                     --if team
      and h.location = :location             --if location
      and h.team = any(:teams_seen)          --if teams_seen
      and h.location = any(:locations_seen)  --if locations_seen
)
select
    count(*) as holders
    , team        --if by_team
    , location    --if by_location
    , target      --if by_role
    , type        --if by_type
    , programme   --if by_programme
from concerned
group by nothing
    , team        --if by_team
    , location    --if by_location
    , target      --if by_role
    , type        --if by_type
    , programme   --if by_programme
;
