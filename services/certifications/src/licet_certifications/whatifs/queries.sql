-- What-ifs: the questions, what they are computed from, and the answers.

-- name: count_running
-- How many what-ifs are computed or wait.
select count(*) from what_ifs where state = 'running';

-- name: read_targets_naming
-- The targets of which a requirement names one of some types, by code or alias.
select distinct target from requirement_versions where types && $1::text[] order by 1;

-- name: read_holder
-- What decides who may see a holder, and what it has to do.
select team, location, targets from holders where id = $1 and merged_into is null;

-- name: read_credential
-- A credential's holder, who may see it, and its runs.
select c.holder_id, h.team, h.location, c.facts -> 'runs' as runs
from credentials c left join holders h on h.id = c.holder_id
where c.id = $1;

-- name: read_waiver
-- A waiver's holder, who may see it, and when it holds.
select w.holder_id, h.team, h.location, w.status, w.starts_at
from waivers w join holders h on h.id = w.holder_id
where w.id = $1;

-- template: count_holders
-- How many holders are to be examined.
select count(*) from holders h
where (h.targets && :targets and h.active or h.id = any(:named))
  and h.merged_into is null
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
;

-- template: next_holders
-- The next holders to be examined, in the order of ids.
select h.id from holders h
where (h.targets && :targets and h.active or h.id = any(:named))
  and h.merged_into is null
  and h.id > :after                      --if after
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
order by h.id
limit :chunk;

-- name: read_booked
-- The shifts of some pairs that are booked and not over.
select s.id, s.holder_id, s.platform, s.external_id, s.target, s.location, s.starts_at, s.ends_at
from shifts s
join unnest($1::uuid[], $2::text[]) as pair (holder_id, target)
    on s.holder_id = pair.holder_id and s.target = pair.target
where s.ends_at > $3 and s.cancelled_at is null;

-- name: insert_what_if
-- Keep a question.
insert into what_ifs (
    id, state, changes, supposed, targets, named, actor, teams, locations, total, created_at
)
values ($1, 'running', $2::jsonb, $3::jsonb, $4, $5, $6, $7, $8, $9, $10);

-- name: claim_running
-- The oldest question that waits for an answer and that nobody has in hand.
select id, supposed, targets, named, actor, teams, locations, after, created_at
from what_ifs where state = 'running' order by id limit 1 for update skip locked;

-- name: note_progress
-- Note how far the answer has come.
update what_ifs set
    after = $2, examined = examined + $3, total = greatest(total, examined + $3),
    state = case when $4::boolean then 'finished' else state end,
    finished_at = case when $4::boolean then $5::timestamptz end
where id = $1;

-- name: note_failure
-- Note that an answer can't be given.
update what_ifs set state = 'failed', detail = $2, finished_at = $3 where id = $1 and state = 'running';

-- name: insert_holders
-- Keep what would be worse for holders.
insert into what_if_holders (
    what_if_id, holder_id, target, place, at, until, ineligible_at, before, after
)
select $1, * from unnest(
    $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[],
    $9::jsonb[]
);

-- name: insert_shifts
-- Keep which shifts would be at risk.
insert into what_if_shifts (
    what_if_id, starts_at, shift_id, holder_id, platform, external_id, target, place, ends_at, before, after
)
select $1, * from unnest(
    $2::timestamptz[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::timestamptz[], $10::jsonb[], $11::jsonb[]
);

-- name: read_what_if
-- One question; for a token that sees no less than whoever asked.
select id, state, changes, actor, examined, total, detail, created_at, finished_at from what_ifs
where id = $1
  and ($2::text[] is null or teams <@ $2) and ($3::text[] is null or locations <@ $3);

-- name: list_what_ifs
-- A page of questions, the latest first; for a token that sees no less than whoever asked.
select id, state, changes, actor, examined, total, detail, created_at, finished_at from what_ifs
where ($1::uuid is null or id < $1)
  and ($2::text[] is null or teams <@ $2) and ($3::text[] is null or locations <@ $3)
order by id desc limit $4;

-- name: delete_what_if
-- Forget a question and its answer.
delete from what_ifs where id = $1;

-- name: delete_expired
-- Forget one question that has been kept for long enough, with its answer.
delete from what_ifs where id = (
    select id from what_ifs where created_at < $1 order by created_at limit 1 for update skip locked
);

-- template: count_holders_worse
-- How many holders would be worse off: in all, and by team, location and target. `grouped` says by which.
select
    grouping(h.team, h.location, w.target) as grouped, h.team, h.location, w.target,
    count(distinct w.holder_id) as holders,
    count(distinct w.holder_id) filter (where w.ineligible_at is not null) as ineligible
from what_if_holders w join holders h on h.id = w.holder_id
where w.what_if_id = :what_if
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
group by grouping sets ((), (h.team), (h.location), (w.target))
order by h.team nulls last, h.location nulls last, w.target;

-- template: count_shifts
-- How many shifts would be at risk.
select count(*) from what_if_shifts s join holders h on h.id = s.holder_id
where s.what_if_id = :what_if
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
;

-- template: list_holders
-- A page of holders who would be worse off.
select w.holder_id, w.target, w.place, w.at, w.until, w.ineligible_at, w.before, w.after, h.team, h.location
from what_if_holders w join holders h on h.id = w.holder_id
where w.what_if_id = :what_if
  and (w.holder_id, w.target) > (:after_holder, :after_target)  --if after_holder
  and w.ineligible_at is not null        --if ineligible
  and w.ineligible_at is null            --if warning
  and w.target = :target                 --if target
  and h.team = :team                     --if team
  and h.location = :location             --if location
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
order by w.holder_id, w.target
limit :limit;

-- template: list_shifts
-- A page of shifts that would be at risk, in the order in which they begin.
select s.*, h.team, h.location
from what_if_shifts s join holders h on h.id = s.holder_id
where s.what_if_id = :what_if
  and (s.starts_at, s.shift_id) > (:after_start, :after)  --if after
  and s.target = :target                 --if target
  and s.place = :place                   --if place
  and h.team = :team                     --if team
  and h.team = any(:teams_seen)          --if teams_seen
  and h.location = any(:locations_seen)  --if locations_seen
order by s.starts_at, s.shift_id
limit :limit;

-- name: forget_holder
-- Delete what answers say of a holder, and the questions that name it.
with answered as (
    delete from what_if_holders where holder_id = $1
), booked as (
    delete from what_if_shifts where holder_id = $1
)
delete from what_ifs where named @> array[$1::uuid];
