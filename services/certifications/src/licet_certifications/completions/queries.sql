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

-- name: assign_completions
-- Say whose completions are ($1: their ids, $2: holders in the same order), and forget what learners go by.
update completions c
set holder_id = t.holder_id, unmatched = null, learner = null, external_key = null, email_key = null,
    account_key = null, learner_id = null
from unnest($1::uuid[], $2::uuid[]) as t (id, holder_id)
where c.id = t.id;

-- name: dismiss_completion
-- Note that a completion is nobody's here, and forget what the learner goes by.
update completions
set unmatched = 'dismissed', learner = null, external_key = null, email_key = null, account_key = null,
    learner_id = null
where id = $1 and holder_id is null;

-- name: replace_completion
-- Let a completion say what another report said.
update completions
set holder_id = $2, course = $3, completed_at = $4, result = $5, credits = $6, evidence = $7, voided_at = null,
    unmatched = null, learner = null, external_key = null, email_key = null, account_key = null,
    learner_id = null
where id = $1;

-- name: void_completion
-- Take a completion back as reported in error; returns it where it was not taken back before.
update completions set voided_at = $2 where id = $1 and voided_at is null returning holder_id;

-- name: insert_conflict
-- Keep a contradicting report; returns its id where it is new.
insert into completion_conflicts (id, completion_id, holder_id, report, reported_at)
values ($1, $2, $3, $4::jsonb, $5)
on conflict (id) do nothing
returning id;

-- name: lock_conflict
-- A contradicting report, held until the transaction ends.
select id, completion_id, holder_id, report, reported_at, decision from completion_conflicts
where id = $1 for update;

-- name: conflicts_of
-- What contradicts some completions and waits for a decision.
select id, completion_id, holder_id, report, reported_at, decision from completion_conflicts
where completion_id = any($1::uuid[]) and decision is null order by reported_at, id;

-- name: decide_conflict
-- Note which of two reports is right.
update completion_conflicts set decision = $2, decided_by = $3, decided_at = $4 where id = $1;

-- name: waiting_for
-- Completions of nobody known that name something of these holders, or that were not clear before; held
-- until the transaction ends.
with theirs as (
    select id, external_key, email_key from holders where id = any($1::uuid[])
), named as (
    select c.id from theirs t join completions c on c.external_key = t.external_key and c.holder_id is null
    union
    select c.id from theirs t join completions c on c.email_key = t.email_key and c.holder_id is null
    union
    select c.id from theirs t join completions c on c.learner_id = t.id and c.holder_id is null
    union
    select c.id
    from theirs t
    join learner_accounts a on a.holder_id = t.id
    join completions c on c.account_key = a.account_key and c.holder_id is null
    union
    (
        select id from completions
        where holder_id is null and unmatched in ('ambiguous', 'contradictory') limit 500
    )
)
select
    c.id, c.source, c.source_id, c.holder_id, c.course, c.completed_at, c.result, c.credits, c.evidence,
    c.recorded_at, c.voided_at, c.unmatched, c.learner
from completions c join named using (id)
where c.holder_id is null and c.learner is not null
order by c.id
for update of c;

-- name: lead_on
-- Give what merged holders have completed, and their accounts, to those whom they lead to; returns both.
with accounts as (
    update learner_accounts a set holder_id = h.merged_into
    from holders h
    where h.id = any($1::uuid[]) and h.merged_into is not null and a.holder_id = h.id
), contradicting as (
    update completion_conflicts c set holder_id = h.merged_into
    from holders h
    where h.id = any($1::uuid[]) and h.merged_into is not null and c.holder_id = h.id
)
update completions c set holder_id = h.merged_into
from holders h
where h.id = any($1::uuid[]) and h.merged_into is not null and c.holder_id = h.id
returning h.id as "from", h.merged_into as "into";

-- name: leads_to
-- The holder that an id leads to.
select coalesce(merged_into, id) from holders where id = $1;

-- name: keep_account
-- Remember whose an account is.
insert into learner_accounts (account_key, home_page, name, holder_id, added_by, added_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (account_key) do update set
    holder_id = excluded.holder_id, added_by = excluded.added_by, added_at = excluded.added_at;

-- name: read_completion
-- A completion, with where its holder is.
select
    c.id, c.source, c.source_id, c.holder_id, c.course, c.completed_at, c.result, c.credits, c.evidence,
    c.recorded_at, c.voided_at, c.unmatched, c.learner, h.team, h.location
from completions c left join holders h on h.id = c.holder_id
where c.id = $1;

-- template: list_completions
-- A page of completions in the order of their ids.
select
    c.id, c.source, c.source_id, c.holder_id, c.course, c.completed_at, c.result, c.credits, c.evidence,
    c.recorded_at, c.voided_at, c.unmatched, c.learner, h.team, h.location
from completions c
left join holders h on h.id = c.holder_id
where true
  and c.holder_id = :holder_id                                 --if holder_id
  and c.holder_id is null and c.unmatched <> 'dismissed'       --if unmatched
  and c.source = :source                                       --if source
  and c.course = :course                                       --if course
  and h.team = any(:teams)                                     --if teams
  and h.location = any(:locations)                             --if locations
  and c.id > :after                                            --if after
order by c.id
limit :limit;

-- name: forget_holder
-- Delete what a holder has completed, what contradicts it, whose accounts it has, what may be of the holder
-- and waits for somebody to say so, and what of it could not be read from the topic ($2: the consumer).
-- Returns what waited. It has to come before the holder itself is forgotten.
with known as (
    select external_key, email_key from holders where id = $1
), accounts as (
    delete from learner_accounts where holder_id = $1 returning account_key
), theirs as (
    delete from completions where holder_id = $1
), contradicting as (
    delete from completion_conflicts where holder_id = $1
), unread as (
    delete from parked p using known k
    where p.consumer = $2
      and (
        p.partition_key in (k.external_key, $1::text)
        or lower(p.partition_key) = k.email_key
        or position('"' || k.external_key || '"' in encode(p.value, 'escape')) > 0
        or position(k.email_key in lower(encode(p.value, 'escape'))) > 0
      )
)
delete from completions c
where c.holder_id is null
  and (
    c.learner_id = $1
    or c.account_key in (select account_key from accounts)
    or c.external_key in (select external_key from known)
    or c.email_key in (
        select k.email_key from known k
        where not exists (select from holders o where o.email_key = k.email_key and o.id <> $1)
    )
  )
returning c.id;
