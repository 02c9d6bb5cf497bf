-- Audits, the credentials in them, and what people attest.

-- template: count_scope
-- How many credentials are in a scope.
select count(*)
from credentials c
join holders h on h.id = c.holder_id
where h.active and not coalesce((c.facts ->> 'voided')::boolean, false)
  and h.team = any(:teams)          --if teams
  and h.location = any(:locations)  --if locations
  and c.type = any(:types)          --if types
;

-- template: fill
-- Put the credentials of a scope into an audit; of a sample those whose digest of seed and id comes first, so
-- that the same seed chooses the same ones. What was never audited counts as unchanged since its entry.
insert into audit_items (id, audit_id, credential_id, credential_version, holder_id, type, reassigned)
select
    gen_random_uuid(), :audit_id, c.id, c.version, c.holder_id, c.type,
    coalesce(
        h.reassigned_at > coalesce(c.changed_at, '-infinity')
        and h.reassigned_at > coalesce(
            (select max(i.attested_at) from audit_items i where i.credential_id = c.id), '-infinity'
        ),
        false
    )
from credentials c
join holders h on h.id = c.holder_id
where h.active and not coalesce((c.facts ->> 'voided')::boolean, false)
  and h.team = any(:teams)          --if teams
  and h.location = any(:locations)  --if locations
  and c.type = any(:types)          --if types
order by sha256(convert_to(:seed || c.id::text, 'UTF8')) --if seed
limit :items                                             --if seed
;

-- name: insert_audit
-- Write a new audit.
insert into audits (id, version, opened_by, state) values ($1, $2, $3, $4);

-- name: close_audit
-- Keep a closed audit's state and signed result.
update audits
set version = $2, state = $3, result = $4, closed_by = $5, incomplete_reason = $6
where id = $1;

-- name: read_audit
-- One audit with its result.
select state, result, opened_by, closed_by, incomplete_reason from audits where id = $1;

-- name: lock_audit
-- One audit, held against other commands until the transaction ends.
select state, result, opened_by, closed_by, incomplete_reason from audits where id = $1 for update;

-- name: share_audit
-- One audit, held against its closing until the transaction ends.
select state, result, opened_by, closed_by, incomplete_reason from audits where id = $1 for share;

-- template: list_audits
-- A page of audits, newest first.
select state, result, opened_by, closed_by, incomplete_reason
from audits
where true
  and result is null     --if open
  and result is not null --if closed
  and id < :after        --if after
order by id desc
limit :limit;

-- name: page_audits
-- Audits after an id in order, locked so that no newer state gets into the outbox before.
select state from audits where $1::uuid is null or id > $1 order by id limit $2 for update;

-- template: count_outcomes
-- How many items of some audits have each outcome, of those holders whom the caller may see.
select i.audit_id, i.outcome, count(*) as items
from audit_items i
left join holders h on h.id = i.holder_id     --if teams_seen, locations_seen
where i.audit_id = any(:audit_ids)
  and h.team = any(:teams_seen)               --if teams_seen
  and h.location = any(:locations_seen)       --if locations_seen
group by i.audit_id, i.outcome;

-- template: list_items
-- A page of items: those of people whose work changed come first.
select
    i.id, i.audit_id, i.credential_id, i.credential_version, i.holder_id, i.type, i.reassigned, i.outcome, i.note,
    i.attested_by, i.attested_at, i.attested_version, h.team, h.location
from audit_items i
left join holders h on h.id = i.holder_id
where i.audit_id = :audit_id
  and i.outcome = :outcome                    --if outcome
  and i.outcome is null                       --if open
  and i.type = :type                          --if type
  and h.team = :team                          --if team
  and h.location = :location                  --if location
  and h.team = any(:teams_seen)               --if teams_seen
  and h.location = any(:locations_seen)       --if locations_seen
  and (not i.reassigned, i.id) > (:after_unchanged, :after_id) --if after_id
order by not i.reassigned, i.id
limit :limit;

-- name: lock_items
-- Some items of an audit with what is now known of their credentials, held until the transaction ends.
select
    i.id, i.audit_id, i.credential_id, i.credential_version, i.holder_id, i.type, i.reassigned, i.outcome, i.note,
    i.attested_by, i.attested_at, i.attested_version, h.team, h.location,
    (select c.version from credentials c where c.id = i.credential_id) as current_version
from audit_items i
left join holders h on h.id = i.holder_id
where i.audit_id = $1 and i.id = any ($2::uuid[])
order by i.id
for update of i;

-- name: save_attestations
-- Record what was attested ($1: JSON array).
update audit_items i
set outcome = a.outcome, note = a.note, attested_by = $2, attested_at = $3, attested_version = a.version
from jsonb_to_recordset($1::jsonb) as a (id uuid, outcome text, note text, version bigint)
where i.id = a.id;

-- name: read_result_items
-- What goes into the signed result: ids, versions and outcomes, in a fixed order.
select credential_id, credential_version, holder_id, type, outcome, attested_by, attested_at, attested_version
from audit_items
where audit_id = $1
order by credential_id;

-- name: keep_key
-- Keep the public half of a key that signs, and the private half of one that was made here.
insert into audit_keys (kid, jwk, private_pem) values ($1, $2, $3) on conflict do nothing;

-- name: read_own_key
-- The private half of the key that was made here.
select private_pem from audit_keys where private_pem is not null order by kid limit 1;

-- name: read_keys
-- The public halves of all keys that have signed.
select jwk from audit_keys order by kid limit 100;

-- name: forget_holder
-- Remove what is open about a holder, and the notes of what was attested.
with opened as (
    delete from audit_items i using audits a
    where i.holder_id = $1 and i.outcome is null and a.id = i.audit_id and a.result is null
)
update audit_items set note = null where holder_id = $1 and note is not null;
