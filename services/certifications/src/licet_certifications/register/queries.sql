-- Finding enrolments. The status of an enrolment is what was announced last until its `next_change_at`;
-- `late` are those that time has moved on since, which are few: somebody settles them all the time.

-- template: find_enrolments
-- Ids of a page of enrolments, with what the page is sorted by. Status is that at :now.
select e.id
    , coalesce(e.expires_at, 'infinity') as key --if expires_at_up, expires_at_down
    , coalesce(e.completed_at, 'infinity') as key --if completed_at_up, completed_at_down
from enrolments e
--if team, location, role, teams, locations, named_1, named_2, named_3
join holders h on h.id = e.holder_id
--end
where true
  and e.status = :only_status and (e.next_change_at is null or e.next_change_at > :now) --if only_status
  --if status
  and (e.status = any(:status) and (e.next_change_at is null or e.next_change_at > :now)
    or e.id = any(:late) --if late
    or e.next_change_at <= :now and status_at(e.status, e.upcoming_at, e.upcoming, :now) = any(:status) --if all_late
  )
  --end
  and e.programme = :programme --if programme
  and e.programme = any(:programmes) --if programmes
  and e.kind = :kind --if kind
  and e.holder_id = :holder_id --if holder_id
  and h.team = :team --if team
  and h.location = :location --if location
  and h.targets @> :role --if role
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and e.lacking @> :lacking --if lacking
  and e.waits_since <= :waiting_since --if waiting_since
  --if expires_before
  and coalesce(e.expires_at, 'infinity') > :now
  and coalesce(e.expires_at, 'infinity') <= :expires_before
  --end
  and coalesce(e.completed_at, 'infinity') >= :completed_from --if completed_from
  and coalesce(e.completed_at, 'infinity') < 'infinity' --if completed_from
  and coalesce(e.completed_at, 'infinity') < :completed_before --if completed_before
  --if word_1
  and (e.programme = any(:programmes_1)
    or e.holder_id = any(:held_1) --if held_1
    or searchable(h.name) like any(:word_1) or searchable(h.external_key) like any(:word_1) --if named_1
  )
  --end
  --if word_2
  and (e.programme = any(:programmes_2)
    or e.holder_id = any(:held_2) --if held_2
    or searchable(h.name) like any(:word_2) or searchable(h.external_key) like any(:word_2) --if named_2
  )
  --end
  --if word_3
  and (e.programme = any(:programmes_3)
    or e.holder_id = any(:held_3) --if held_3
    or searchable(h.name) like any(:word_3) or searchable(h.external_key) like any(:word_3) --if named_3
  )
  --end
  and e.id > :after_id --if after_id_up
  and e.id < :after_id --if after_id_down
  and (coalesce(e.expires_at, 'infinity'), e.id) > (:after, :after_id) --if after_expires_at_up
  and (coalesce(e.expires_at, 'infinity'), e.id) < (:after, :after_id) --if after_expires_at_down
  and (coalesce(e.completed_at, 'infinity'), e.id) > (:after, :after_id) --if after_completed_at_up
  and (coalesce(e.completed_at, 'infinity'), e.id) < (:after, :after_id) --if after_completed_at_down
order by
    coalesce(e.expires_at, 'infinity'), --if expires_at_up
    coalesce(e.expires_at, 'infinity') desc, --if expires_at_down
    coalesce(e.completed_at, 'infinity'), --if completed_at_up
    coalesce(e.completed_at, 'infinity') desc, --if completed_at_down
    e.id --unless backwards
    e.id desc --if backwards
limit :limit;

-- template: count_enrolments
-- How many enrolments have each status at :now, of those that the other conditions find.
select status, sum(number)::bigint as number
from (
    select
        case when e.next_change_at is null or e.next_change_at > :now then e.status
            else status_at(e.status, e.upcoming_at, e.upcoming, :now) end as status,
        count(*) as number
    from enrolments e
    --if team, location, role, teams, locations, named_1, named_2, named_3
    join holders h on h.id = e.holder_id
    --end
    where true
      and e.programme = :programme --if programme
      and e.programme = any(:programmes) --if programmes
      and e.kind = :kind --if kind
      and e.holder_id = :holder_id --if holder_id
      and h.team = :team --if team
      and h.location = :location --if location
      and h.targets @> :role --if role
      and h.team = any(:teams) --if teams
      and h.location = any(:locations) --if locations
      and e.lacking @> :lacking --if lacking
      and e.waits_since <= :waiting_since --if waiting_since
      --if expires_before
      and coalesce(e.expires_at, 'infinity') > :now
      and coalesce(e.expires_at, 'infinity') <= :expires_before
      --end
      and coalesce(e.completed_at, 'infinity') >= :completed_from --if completed_from
      and coalesce(e.completed_at, 'infinity') < 'infinity' --if completed_from
      and coalesce(e.completed_at, 'infinity') < :completed_before --if completed_before
      --if word_1
      and (e.programme = any(:programmes_1)
        or e.holder_id = any(:held_1) --if held_1
        or searchable(h.name) like any(:word_1) or searchable(h.external_key) like any(:word_1) --if named_1
      )
      --end
      --if word_2
      and (e.programme = any(:programmes_2)
        or e.holder_id = any(:held_2) --if held_2
        or searchable(h.name) like any(:word_2) or searchable(h.external_key) like any(:word_2) --if named_2
      )
      --end
      --if word_3
      and (e.programme = any(:programmes_3)
        or e.holder_id = any(:held_3) --if held_3
        or searchable(h.name) like any(:word_3) or searchable(h.external_key) like any(:word_3) --if named_3
      )
      --end
    group by 1
) counted
group by status;

-- name: count_all
-- How many enrolments have each status at $1: as announced, by an index alone, and set right for the late ones.
select status, sum(number)::bigint as number
from (
    select status, count(*) as number from enrolments group by status
    union all
    select status, -count(*) from enrolments where next_change_at <= $1 group by status
    union all
    select status_at(status, upcoming_at, upcoming, $1), count(*)
    from enrolments where next_change_at <= $1 group by 1
) counted
group by status;

-- template: late_enrolments
-- Enrolments whose status time has changed since it was announced, and what it is now.
select id, status_at(status, upcoming_at, upcoming, :now) as status
from enrolments where next_change_at <= :now limit :limit;

-- template: holders_with
-- Holders whose name or external id has the word.
select id from holders where searchable(name) like any(:word) or searchable(external_key) like any(:word) limit :limit;

-- name: programmes_with
-- Programmes whose name or code has the word.
select code from programmes where searchable(name) like any($1::text[]) or searchable(code) like any($1::text[]);

-- name: read_lines
-- Enrolments in the order in which they are asked for, with who their holders are; $2 is now.
select e.id, e.version, e.holder_id, h.name as holder_name, h.external_key as holder_external_id, h.team,
    h.location, e.programme, e.programme_version, e.kind,
    status_at(e.status, e.upcoming_at, e.upcoming, $2) as status,
    case when e.next_change_at is null or e.next_change_at > $2 then e.reason end as reason,
    e.waits_for, e.waits_since, e.lacking, e.credential_id, e.expires_at, e.deadline_at, e.window_opens_at,
    e.opened_at, e.completed_at, e.updated_at
from unnest($1::uuid[]) with ordinality as wanted (id, place)
join enrolments e on e.id = wanted.id
left join holders h on h.id = e.holder_id
order by wanted.place;

-- name: save_filter
-- A filter under its name, made or replaced. Whose it is never changes.
insert into saved_filters as f (id, owner, name, shared, filter, version, created_at, updated_at)
values ($1, $2, $3, $4, $5::jsonb, 1, $6, $6)
on conflict (owner, lower(name)) do update set
    name = excluded.name, shared = excluded.shared, filter = excluded.filter, version = f.version + 1,
    updated_at = excluded.updated_at
returning *;

-- name: find_filter
-- The filter that a name stands for: somebody's own, or else one that is shared, the oldest first.
select * from saved_filters
where lower(name) = lower($2) and (owner = $1 or shared)
order by owner = $1 desc, id
limit 1;

-- name: list_filters
-- A page of somebody's own filters and of those that are shared, by name.
select * from saved_filters
where (owner = $1 or shared) and ($2::text is null or (lower(name), id) > ($2, $3))
order by people_order(name) collate "C", id
limit $4;

-- name: delete_filter
-- Forget one of somebody's own filters.
delete from saved_filters where owner = $1 and lower(name) = lower($2) returning id;

-- name: forget_holder
-- Delete the filters that name a holder: by id, or with words that lead to it.
delete from saved_filters f
where (f.filter ->> 'holder_id')::uuid = $1
   or exists (
    select from holders h
    where h.id = $1 and f.filter ? 'q'
      and exists (
        select from regexp_split_to_table(f.filter ->> 'q', '\s+') as word
        where length(word) > 2 and strpos(searchable(concat_ws(' ', h.name, h.external_key)), searchable(word)) > 0
      )
   );
