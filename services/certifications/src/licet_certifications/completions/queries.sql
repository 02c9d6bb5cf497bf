-- Completions, who they are of, and what contradicts them.

-- name: hold_identities
-- Keep holders from being learned until the transaction ends, so that none appears unseen beside a
-- completion of theirs that is just being kept as unmatched ($1: number of the lock).
select pg_advisory_xact_lock($1);

-- name: share_identities
-- Wait for whoever keeps an unmatched completion, and hold such off until the transaction ends ($1: lock).
select pg_advisory_xact_lock_shared($1);

-- name: find_candidates
-- The holders who have what each report names, by its place in the arrays. A merged holder leads to the other.
select told.place::int as place, h.id, coalesce(h.merged_into, h.id) as leads_to, h.external_key
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
    with ordinality as told (external_key, email_key, account_key, holder_id, place)
cross join lateral (
    select id, merged_into, external_key from holders where external_key = told.external_key
    union
    select id, merged_into, external_key from holders where email_key = told.email_key
    union
    select id, merged_into, external_key from holders where id = told.holder_id
    union
    select h.id, h.merged_into, h.external_key
    from learner_accounts a join holders h on h.id = a.holder_id where a.account_key = told.account_key
) as h;

-- name: insert_completions
-- Keep those completions of a JSON array ($1) that are not there yet, and return the ids of these.
insert into completions (
    id, source, source_id, holder_id, course, completed_at, result, credits, evidence, recorded_at,
    unmatched, learner, external_key, email_key, account_key, learner_id
)
select
    id, source, source_id, holder_id, course, completed_at, result, credits, evidence, recorded_at,
    unmatched, learner, external_key, email_key, account_key, learner_id
from jsonb_to_recordset($1::jsonb) as t (
    id uuid, source text, source_id text, holder_id uuid, course text, completed_at timestamptz, result text,
    credits double precision, evidence text[], recorded_at timestamptz, unmatched text, learner jsonb,
    external_key text, email_key text, account_key text, learner_id uuid
)
order by id
on conflict (id) do nothing
returning id;

-- name: lock_completions
-- Completions by their ids, held until the transaction ends.
select
    id, source, source_id, holder_id, course, completed_at, result, credits, evidence, recorded_at, voided_at,
    unmatched, learner
from completions where id = any($1::uuid[]) order by id for update;

-- name: completions_of
-- What holders have completed, but for what was voided.
select id, source, source_id, holder_id, course, completed_at, result, credits, evidence, recorded_at
from completions where holder_id = any($1::uuid[]) and voided_at is null;

-- name: forget_holder
-- Delete what a holder has completed, what contradicts it, and whose accounts it has.
with theirs as (
    delete from completions where holder_id = $1
), contradicting as (
    delete from completion_conflicts where holder_id = $1
)
delete from learner_accounts where holder_id = $1;
