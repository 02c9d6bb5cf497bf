-- name: is_decided
-- Whether an award was carried out before, or refused since it was published at $2.
select exists (select from awards where id = $1 and (outcome <> 'refused' or awarded_at >= $2));

-- name: delete_refusal
-- Delete the refusal of an award that was published again at $2.
delete from awards where id = $1 and outcome = 'refused' and awarded_at < $2;

-- name: insert_award
-- Store the result of an award. If another process decided it at the same moment, the insert fails and with
-- it the transaction; the retry finds the award decided.
insert into awards (
    id, enrolment_id, holder_id, type, outcome, reason, detail, credential_id, term_id, awarded_at, decided_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- template: list_awards
-- Awards of the holders whom the caller may see, the latest decision first.
select a.*
from awards a
join holders named on named.id = a.holder_id --if teams, locations
join holders h on h.id = coalesce(named.merged_into, named.id) --if teams, locations
where true
  and a.id = :id --if id
  and a.enrolment_id = :enrolment_id --if enrolment_id
  and a.holder_id = :holder_id --if holder_id
  and a.outcome = :outcome --if outcome
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and (a.decided_at, a.id) < (:after, :after_id) --if after
order by a.decided_at desc, a.id desc
limit :limit;
