-- Items that wait for a person, and what was decided about those that did.

-- name: open_item
-- Let something wait; one that waits already keeps its id and its age and takes over the rest.
insert into worklist_items (
    id, kind, subject, holder_id, enrolment_id, since, needs, scope, teams, locations, barred, details
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb)
on conflict (kind, subject) where closed_at is null do update set
    holder_id = excluded.holder_id, enrolment_id = excluded.enrolment_id, needs = excluded.needs,
    scope = excluded.scope, teams = excluded.teams, locations = excluded.locations,
    barred = excluded.barred, details = excluded.details;

-- name: open_items
-- As `open_item`, for a JSON array of items ($1) of different subjects.
insert into worklist_items (
    id, kind, subject, holder_id, enrolment_id, since, needs, scope, teams, locations, barred, details
)
select id, kind, subject, holder_id, enrolment_id, since, needs, scope, teams, locations, barred, details
from jsonb_to_recordset($1::jsonb) as t (
    id uuid, kind text, subject text, holder_id uuid, enrolment_id uuid, since timestamptz, needs text,
    scope text, teams text[], locations text[], barred text[], details jsonb
)
order by kind, subject
on conflict (kind, subject) where closed_at is null do update set
    holder_id = excluded.holder_id, enrolment_id = excluded.enrolment_id, needs = excluded.needs,
    scope = excluded.scope, teams = excluded.teams, locations = excluded.locations,
    barred = excluded.barred, details = excluded.details;

-- name: close_items
-- As `close_item`, for several subjects ($2).
update worklist_items set closed_at = $3, decision = $4, decided_by = $5
where kind = $1 and subject = any($2::text[]) and closed_at is null;

-- name: close_item
-- Note that something no longer waits: by whose decision, or by itself.
update worklist_items set closed_at = $3, decision = $4, decided_by = $5, reason = $6
where kind = $1 and subject = $2 and closed_at is null;

-- name: hold_enrolments
-- Hold the enrolments of the holder whom an item is about, before the item itself: whoever decides about an
-- enrolment directly holds them first too, and then closes its items.
select 1 from enrolments
where holder_id = (select holder_id from worklist_items where id = $1) order by id for update;

-- name: lock_item
-- An item, held so that nobody else decides it meanwhile, with where its holder is.
select i.*, h.team, h.location
from worklist_items i left join holders h on h.id = i.holder_id
where i.id = $1
for update of i;

-- name: lead_on
-- Give what waits, or waited, about a merged holder to the one whom it leads to.
update worklist_items set holder_id = $2 where holder_id = $1;

-- name: forget_holder
-- Delete what waits, or waited, about a holder.
delete from worklist_items where holder_id = $1;

-- template: list_items
-- A page of what waits, oldest first.
select i.*, h.team, h.location
from worklist_items i
left join holders h on h.id = i.holder_id
where i.closed_at is null
  and i.kind = any(:kinds) --if kinds
  and i.holder_id = :holder_id --if holder_id
  and i.enrolment_id = :enrolment_id --if enrolment_id
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and (i.since, i.id) > (:after_since, :after_id) --if after_id
order by i.since, i.id
limit :limit;
