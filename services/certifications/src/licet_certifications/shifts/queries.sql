-- Booked shifts: reports, the verdict on each, and lists.

-- name: resolve_external_keys
-- The holders with some external ids; one that was merged leads to the other. Of several, which should not be,
-- none: who is meant is in doubt.
select external_key, min(coalesce(merged_into, id)::text)::uuid as holder_id
from holders
where external_key = any ($1::text[])
group by external_key
having count(distinct coalesce(merged_into, id)) = 1;

-- name: known_holders
-- Those of some holders that are known, each with the one that it was merged into, if it was.
select id, coalesce(merged_into, id) as leads_to, team, location from holders where id = any ($1::uuid[]);

-- name: lock_shifts
-- Some shifts, held in the order of their ids until the transaction ends.
select * from shifts where id = any ($1::uuid[]) order by id for update;

-- name: lock_ahead
-- The shifts of some pairs ($1, $2) that are booked and not over at an instant ($3), held in the order of ids.
select s.*
from shifts s
join unnest($1::uuid[], $2::text[]) as pair (holder_id, target)
    on s.holder_id = pair.holder_id and s.target = pair.target
where s.cancelled_at is null and s.ends_at > $3
order by s.id
for update of s;

-- name: insert_shifts
-- Write new shifts ($1: JSON array); returns the ids of those that nobody else has just written.
insert into shifts (
    id, version, platform, external_id, holder_id, external_key, target, location, starts_at, ends_at, revision,
    occurred_at, cancelled_at, booked_verdict, verdict, reasons, timeline_version, at_risk, since, told,
    created_at, updated_at
)
select
    id, version, platform, external_id, holder_id, external_key, target, location, starts_at, ends_at, revision,
    occurred_at, cancelled_at, booked_verdict, verdict, reasons, timeline_version, at_risk, since, told,
    created_at, updated_at
from jsonb_populate_recordset(null::shifts, $1::jsonb)
order by id
on conflict do nothing
returning id;

-- name: update_shifts
-- Write shifts that are locked ($1: JSON array).
update shifts s set
    version = t.version, holder_id = t.holder_id, external_key = t.external_key, target = t.target,
    location = t.location, starts_at = t.starts_at, ends_at = t.ends_at, revision = t.revision,
    occurred_at = t.occurred_at, cancelled_at = t.cancelled_at, booked_verdict = t.booked_verdict,
    verdict = t.verdict, reasons = t.reasons, timeline_version = t.timeline_version, at_risk = t.at_risk,
    since = t.since, told = t.told, updated_at = t.updated_at
from jsonb_populate_recordset(null::shifts, $1::jsonb) as t
where s.id = t.id;

-- name: note_keys
-- Note under which holders' keys something is told of shifts.
insert into shift_keys (holder_id, shift_id)
select * from unnest($1::uuid[], $2::uuid[])
on conflict do nothing;

-- name: claim_reviews
-- Take pairs off the list, oldest first, leaving those that somebody else has in hand.
delete from shift_reviews r
using (
    select holder_id, target from shift_reviews order by queued_at limit $1 for update skip locked
) as next
where r.holder_id = next.holder_id and r.target = next.target
returning r.holder_id, r.target, r.correlation_id, r.causation_id, r.traceparent;

-- name: count_reviews
-- How many pairs wait for a review.
select count(*) from shift_reviews;

-- name: resolve_bookings
-- Give shifts that lie ahead to the holders who have their external ids by now; returns how many there were.
with found as (
    select s.id, h.holder_id
    from shifts s
    join lateral (
        select min(coalesce(merged_into, id)::text)::uuid as holder_id
        from holders where external_key = s.external_key
        having count(distinct coalesce(merged_into, id)) = 1
    ) h on true
    where s.holder_id is null and s.cancelled_at is null and s.ends_at > $1
), locked as (
    select s.id, found.holder_id
    from shifts s join found using (id)
    order by s.id limit $2
    for update of s skip locked
)
update shifts s set holder_id = locked.holder_id, version = s.version + 1, updated_at = $1
from locked where s.id = locked.id;

-- name: read_unjudged
-- Pairs of shifts that lie ahead and were never judged, though their holder is known, and that nobody queued.
select distinct s.holder_id, s.target
from shifts s
join holders h on h.id = s.holder_id
where s.booked_verdict is null and s.cancelled_at is null and s.ends_at > $1
    and not exists (
        select from shift_reviews r where r.holder_id = s.holder_id and r.target = s.target
    )
limit $2;

-- name: drop_unresolved
-- Forget shifts that are over and of which nobody ever learned whose they were.
delete from shifts
where id in (
    select id from shifts where holder_id is null and ends_at < $1 order by id limit $2 for update skip locked
);

-- name: read_shift
-- One shift, with team and location of its holder.
select s.*, h.team as holder_team, h.location as holder_location
from shifts s left join holders h on h.id = s.holder_id
where s.id = $1 and s.target is not null;

-- template: list_shifts
-- A page of booked shifts in the order in which they begin.
select s.*, h.team as holder_team, h.location as holder_location
from shifts s
left join holders h on h.id = s.holder_id --unless teams, locations
join holders h on h.id = s.holder_id --if teams, locations
where s.cancelled_at is null and s.target is not null
  and s.at_risk and s.ends_at > :now                --if at_risk
  and not (s.at_risk and s.ends_at > :now)          --if not_at_risk
  and s.platform = :platform                        --if platform
  and s.holder_id = :holder                         --if holder
  and s.target = :target                            --if target
  and s.location = :location                        --if location
  and h.team = any (:teams)                         --if teams
  and h.team = :team                                --if team
  and h.location = any (:locations)                 --if locations
  and s.ends_at > :start                            --if start
  and s.starts_at < :finish                         --if finish
  and (s.starts_at, s.id) > (:after_start, :after)  --if after
order by s.starts_at, s.id
limit :limit;

-- name: page_told
-- Shifts of which something was told, after an id, locked so that nothing newer gets into the outbox before.
select * from shifts where id > $1 and told > 0 and holder_id is not null order by id limit $2 for update;

-- name: forget_holder
-- Delete the shifts of a holder, also those that are known by its external id only, and return all under
-- whose keys something was told of this holder.
with theirs as (
    delete from shifts where holder_id = $1
), unresolved as (
    delete from shifts
    where holder_id is null
        and external_key = (select external_key from holders where id = $1 and external_key is not null)
)
delete from shift_keys where holder_id = $1 returning shift_id;
