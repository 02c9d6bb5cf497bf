-- What holders have gained, and programmes whose rules are new.

-- name: read_publications
-- Versions whose rules are new, held: those who have what the rules name already are still to be noted.
select programme, number, triggers, after from entry_publications
order by programme, number limit 1 for update skip locked;

-- name: note_holders
-- Note a page of active holders who have what new rules name: roles and queues $1, credential types $2.
with page as (
    select h.id, h.targets
    from holders h
    where h.active and ($3::uuid is null or h.id > $3)
      and (h.targets && $1::text[]
        or exists (select from credentials c where c.holder_id = h.id and c.type = any($2::text[])))
    order by h.id limit $4
), gained as (
    select page.id, unnest(page.targets) as trigger from page
    union
    select page.id, 'type:' || c.type from page join credentials c on c.holder_id = page.id
), noted as (
    insert into entry_gains (holder_id, trigger, correlation_id)
    select id, trigger, $5 from gained
    where trigger = any($1::text[]) or trigger = any(select 'type:' || type from unnest($2::text[]) as type)
    order by id, trigger
    on conflict (holder_id, trigger) do nothing
)
select max(id::text)::uuid as last, count(*) as number from page;

-- name: advance_publication
-- Go on behind a holder.
update entry_publications set after = $3 where programme = $1 and number = $2;

-- name: finish_publication
-- Everybody who has what the rules name is noted.
delete from entry_publications where programme = $1 and number = $2;

-- name: pass_over
-- Forget gains that no rule names ($1: those that some name), and those of whom nothing is heard for a week.
delete from entry_gains where (holder_id, trigger) in (
    select holder_id, trigger from entry_gains g
    where g.trigger <> all ($1::text[])
       or (g.queued_at < clock_timestamp() - interval '7 days'
         and not exists (select from holders h where h.id = g.holder_id))
    order by queued_at limit $2
    for update skip locked
);

-- name: claim_gain
-- The next gain of somebody known, held. One of whom only a credential was told so far waits for the holder.
select g.holder_id, g.trigger, g.correlation_id, g.causation_id, g.traceparent
from entry_gains g
where exists (select from holders h where h.id = g.holder_id)
order by g.queued_at limit 1
for update of g skip locked;

-- name: finish_gain
-- The gain has been acted on.
delete from entry_gains where holder_id = $1 and trigger = $2;

-- name: count_pending
-- What could be worked off now.
select (select count(*) from entry_publications)
    + (select count(*) from entry_gains g where exists (select from holders h where h.id = g.holder_id));
