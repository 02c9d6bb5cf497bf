-- Statements as they were sent, in the order in which they were stored.

-- name: lock_statements
-- The digests of those of some statements ($1) that are kept.
select id, digest from xapi_statements where id = any($1::uuid[]) order by id for update;

-- name: insert_statements
-- Keep statements of a JSON array ($1) that are not there yet; returns the ids of these.
insert into xapi_statements (
    id, stored, document, digest, verb, activity, registration, agents, related_agents, related_activities, voids
)
select
    id, stored, document, decode(digest, 'hex'), verb, activity, registration, agents, related_agents,
    related_activities, voids
from json_to_recordset($1::json) as t (
    place bigint, id uuid, stored timestamptz, document json, digest text, verb text, activity text,
    registration uuid, agents text[], related_agents text[], related_activities text[], voids uuid
)
order by place
on conflict (id) do nothing
returning id;

-- name: voided_by_others
-- Those of some statements ($1) that a statement takes back which was kept before or with them.
select v.voids from xapi_statements v join xapi_statements s on s.id = v.voids
where v.voids = any($1::uuid[]) and not s.voided;

-- name: voiding_among
-- Those of some statements ($1) that are kept and take others back: nothing takes these back.
select id from xapi_statements where id = any($1::uuid[]) and voids is not null;

-- name: void_statements
-- Take statements back ($1), and return the ids of those that were not before.
update xapi_statements set voided = true
where id = any($1::uuid[]) and not voided and voids is null
returning id;

-- name: read_statement
-- A statement, voided or not ($2).
select document from xapi_statements where id = $1 and voided = $2;

-- template: list_statements
-- A page of statements that are not voided, in the order in which they were stored.
select place, document from xapi_statements
where not voided
  and agents @> array[:agent]                         --if agent
  and related_agents @> array[:related_agent]         --if related_agent
  and verb = :verb                                    --if verb
  and activity = :activity                            --if activity
  and related_activities @> array[:related_activity]  --if related_activity
  and registration = :registration                    --if registration
  and stored > :since                                 --if since
  and stored <= :until                                --if until
  and place > :after                                  --if ascending_after
  and place < :before                                 --if before
order by
  place                                               --if ascending
  place desc                                          --unless ascending
limit :limit;

-- name: forget_holder
-- Delete every statement that names one of a holder's keys anywhere ($1), and those of its completions ($2).
delete from xapi_statements where related_agents && $1::text[] or id = any($2::uuid[]);

-- name: addresses_of_holder
-- The e-mail address of a holder, in comparison form.
select email_key from holders where id = $1 and email_key is not null;

-- name: accounts_of_holder
-- The accounts of a holder, in comparison form.
select account_key from learner_accounts where holder_id = $1;

-- name: completed_by_statement
-- The ids in their source of a holder's completions that came as statements.
select source_id from completions where holder_id = $1 and source = $2;
