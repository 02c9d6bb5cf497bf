-- Locks are taken in this order: external ids, holders (rows of one statement in order of id), who manages
-- whom, credentials, places. A holder's row is held `for no key update`, so that others may go on
-- referring to it; only a merge also keeps them from that.

-- name: save_holders
-- Write new and changed holders, each with the line of history that says what happened.
with incoming as (
    select * from jsonb_to_recordset($1::jsonb) as h (
        id uuid, version bigint, kind text, external_id text, name text, email text, phone text,
        time_zone text, locale text, team text, location text, manager_id uuid, awaited_manager text,
        roles text[], queues text[], attributes jsonb, active boolean, leaver boolean, merged_into uuid,
        created_at timestamptz, updated_at timestamptz, event_type text, changed text[], reason text, note text
    )
), saved as (
    insert into holders (
        id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, leaver, merged_into, created_at, updated_at
    )
    select id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, leaver, merged_into, created_at, updated_at
    from incoming
    on conflict (id) do update set
        version = excluded.version, kind = excluded.kind, external_id = excluded.external_id,
        name = excluded.name, email = excluded.email, phone = excluded.phone,
        time_zone = excluded.time_zone, locale = excluded.locale, team = excluded.team,
        location = excluded.location, manager_id = excluded.manager_id,
        awaited_manager = excluded.awaited_manager, roles = excluded.roles, queues = excluded.queues,
        attributes = excluded.attributes, active = excluded.active, leaver = excluded.leaver,
        merged_into = excluded.merged_into, updated_at = excluded.updated_at
)
insert into holder_history (holder_id, version, event_type, changed, reason, note, actor, at)
select id, version, event_type, changed, reason, note, $2, updated_at from incoming;

-- name: read_holder
-- One holder.
select * from holders where id = $1;

-- name: lock_holder
-- One holder, held until the transaction ends.
select * from holders where id = $1 for no key update;

-- name: lock_holders_by_external_id
-- Holders by the ids another system has for them, those that they were merged into, and those that await a
-- manager of such an id, held until the transaction ends, always in one order. Whoever enters the manager
-- links the latter in the end, and then holds credentials, after which no holder is waited for.
select * from holders
where id = any(array(
    select id from holders where external_id = any($1::text[])
    union all
    select merged_into from holders where external_id = any($1::text[]) and merged_into is not null
    union all
    select id from holders where awaited_manager = any($1::text[])
))
order by id for no key update;

-- name: lock_record
-- The record that has an external id itself, held until the transaction ends.
select * from holders where external_id = $1 for no key update;

-- name: reserve_external_ids
-- Let whoever creates the same external ids ($1) wait, in one order, so that both can tell what is there. Those
-- that are only named ($2) may be named by several at once.
select case when own
    then pg_advisory_xact_lock(hashtextextended('licet.holder/' || external_id, 0))
    else pg_advisory_xact_lock_shared(hashtextextended('licet.holder/' || external_id, 0))
end
from (
    select external_id, bool_or(own) as own
    from (select unnest($1::text[]), true union all select unnest($2::text[]), false) as given (external_id, own)
    group by external_id order by external_id
) as wanted;

-- name: resolve_external_ids
-- Whose the ids are by which another system names holders, or whom those were merged into. What merges or
-- erases one of them waits until the transaction ends.
select external_id, coalesce(merged_into, id) as leads_to from holders
where external_id = any($1::text[]) order by id for key share;

-- name: resolve_ids
-- Where ids of holders lead: to themselves, or to whom they were merged into. What merges or erases one of
-- them waits until the transaction ends.
select id, coalesce(merged_into, id) as leads_to from holders where id = any($1::uuid[]) order by id for key share;

-- name: note_feed_date
-- Note when another system last sent a holder by its external id.
update holders set named_at = $2 where id = $1;

-- name: lock_managers
-- Let only one at a time change who manages whom: two who look at the same moment would each miss the half of
-- a circle that the other makes.
select pg_advisory_xact_lock(hashtextextended('licet.managers', 0));

-- name: manager_cycle
-- A way up by managers that comes back to one of the holders $1, if there is one: who is on it, in order.
with recursive up (start, next, path) as (
    select id, manager_id, array[id] from holders where id = any($1::uuid[]) and manager_id is not null
    union all
    select up.start, h.manager_id, up.path || h.id
    from up join holders h on h.id = up.next
    where h.manager_id is not null and h.id <> all (up.path)
)
select coalesce(h.external_id, h.id::text) as label
from (select path from up where next = start order by cardinality(path), path limit 1) as circle,
    unnest(circle.path) with ordinality as step (id, place)
    join holders h on h.id = step.id
order by step.place;

-- name: read_manager_chains
-- Everybody on the ways up by managers from the holders $1, those themselves too: to whom they report, or
-- whom they await.
with recursive up as (
    select id, manager_id, awaited_manager, external_id from holders where id = any($1::uuid[])
    union
    select h.id, h.manager_id, h.awaited_manager, h.external_id from up join holders h on h.id = up.manager_id
)
select id as holder_id, manager_id, awaited_manager, coalesce(external_id, id::text) as label from up;

-- name: lock_awaiting_manager
-- Holders whose manager was named before being known, held until the transaction ends.
select * from holders where awaited_manager = any($1::text[]) order by id for no key update;

-- name: count_absent
-- How many of a kind a feed has named since $2, and how many active ones with an external id it has not, of
-- those who were there before.
select count(*) filter (where named_at >= $2) as named,
    count(*) filter (
        where active and external_id is not null and coalesce(named_at, created_at) < $2
    ) as absent
from holders where kind = $1;

-- name: lock_absent
-- Some of those whom a feed has not named since $2, held until the transaction ends.
select * from holders
where kind = $1 and active and external_id is not null and coalesce(named_at, created_at) < $2
order by id limit $3 for no key update;

-- name: lock_affected
-- The holders $1, and who reports to $2 or was merged into it, held until the transaction ends.
select * from holders
where id = any($1::uuid[]) or manager_id = $2 or merged_into = $2
order by id limit $3 for no key update;

-- name: fence
-- Let whoever is about to refer to a holder, or to one that was merged into it, wait until the transaction ends.
select id from holders where id = $1 or merged_into = $1 order by id for update;

-- name: ids_merged_into
-- The records that turned out to be a holder.
select id from holders where merged_into = $1 order by id limit 500;

-- name: read_history
-- What happened to a holder, oldest first, a page at a time.
select * from holder_history where holder_id = $1 and version > $2 order by version limit $3;

-- template: list_holders
-- A page of holders; records that were merged are left out.
select * from holders h
where h.merged_into is null
  and h.kind = :kind --if kind
  and h.team = :team --if team
  and h.location = :location --if location
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and h.roles @> array[:role::text] --if role
  and h.queues @> array[:queue::text] --if queue
  and h.active --if active
  and not h.active --if inactive
  and (h.name ilike any(:word_1) or h.external_id ilike any(:word_1) or h.email ilike any(:word_1)) --if word_1
  and (h.name ilike any(:word_2) or h.external_id ilike any(:word_2) or h.email ilike any(:word_2)) --if word_2
  and (h.name ilike any(:word_3) or h.external_id ilike any(:word_3) or h.email ilike any(:word_3)) --if word_3
  and h.id > :after_id --if after_id_up
  and h.id < :after_id --if after_id_down
  and (h.name, h.id) > (:after, :after_id) --if after_name_up
  and (h.name, h.id) < (:after, :after_id) --if after_name_down
order by
    h.name, --if name_up
    h.name desc, --if name_down
    h.id --unless backwards
    h.id desc --if backwards
limit :limit;

-- name: lock_holders_after
-- Holders in the order of their ids, held until the transaction ends, for a backfill.
select * from holders where ($1::uuid is null or id > $1) order by id limit $2 for no key update;
