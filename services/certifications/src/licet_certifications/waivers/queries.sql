-- Waivers: the register, which is only ever added to and carried on.

-- name: save_waiver
-- Write a waiver as it is now.
insert into waivers (
    id, version, holder_id, requirement_id, target, reason, status, override, starts_at, ends_at, state,
    note, decision_note, revocation_note
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14)
on conflict (id) do update set
    version = excluded.version, status = excluded.status, ends_at = excluded.ends_at, state = excluded.state,
    decision_note = excluded.decision_note, revocation_note = excluded.revocation_note;

-- name: lock_waiver
-- A waiver of somebody who is not erased, held so that nobody else decides about it meanwhile.
select state, note, decision_note, revocation_note from waivers
where id = $1 and holder_id is not null for update;

-- name: find_holder
-- Where a holder is.
select team, location from holders where id = $1;

-- name: is_known_target
-- Whether a requirement has named a target or a holder has had it.
select exists (select from targets where target = $1);

-- name: read_listed
-- A waiver with where its holder is.
select w.id, w.holder_id, w.state, w.note, w.decision_note, w.revocation_note, h.team, h.location
from waivers w left join holders h on h.id = w.holder_id
where w.id = $1;

-- name: page_waivers
-- Waivers that have been told of, after an id, locked so that no newer state gets into the outbox before.
select state from waivers
where ($1::uuid is null or id > $1) and status in ('granted', 'revoked', 'ended') and holder_id is not null
order by id limit $2
for update;

-- name: page_current
-- Waivers that are asked for or granted, after an id, locked.
select state, note, decision_note, revocation_note from waivers
where ($1::uuid is null or id > $1) and status in ('requested', 'granted') and holder_id is not null
order by id limit $2
for update;

-- name: count_current
-- How many of them come after an id.
select count(*) from waivers
where ($1::uuid is null or id > $1) and status in ('requested', 'granted') and holder_id is not null;

-- name: note_holder_change
-- Note that the timelines of a holder may differ now.
insert into changes (kind, subject, correlation_id, causation_id, traceparent)
values ('holder', $1::text, $2, $3, $4)
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: forget_holder
-- Take the holder, the words and whoever acted out of an erased holder's waivers; returns those of which
-- there was an event.
update waivers set
    holder_id = null, note = null, decision_note = null, revocation_note = null,
    state = state - 'decided_by' - 'revoked_by'
        || '{"holder_id": "00000000-0000-0000-0000-000000000000", "requested_by": "erased"}'
where holder_id = $1
returning id, status in ('granted', 'revoked', 'ended') as told;

-- template: list_waivers
-- A page of the register, newest first.
select w.id, w.holder_id, w.state, w.note, w.decision_note, w.revocation_note, h.team, h.location
from waivers w
left join holders h on h.id = w.holder_id
where true
  and w.holder_id = :holder_id --if holder_id
  and w.requirement_id = :requirement_id --if requirement_id
  and w.target = :target --if target
  and w.status = any(:statuses) --if statuses
  and w.reason = any(:reasons) --if reasons
  and w.override = :override --if override
  and w.status = 'granted' and w.ends_at > :now and w.ends_at <= :ends_by --if ends_by
  and h.team = any(:teams_seen) --if teams_seen
  and h.location = any(:locations_seen) --if locations_seen
  and w.id < :after --if after
order by w.id desc
limit :limit;
