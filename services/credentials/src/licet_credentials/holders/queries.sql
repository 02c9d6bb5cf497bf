-- Lock order: external ids, holders (by id within a statement), the lock on managers, credentials, places. A holder's
-- row is locked `for no key update`, so that other transactions can still refer to it; only a merge excludes them.

-- name: save_holders
-- Upsert holders, each with a line of history.
with incoming as (
    select * from jsonb_to_recordset($1::jsonb) as h (
        id uuid, version bigint, kind text, external_id text, name text, email text, phone text,
        time_zone text, locale text, team text, location text, manager_id uuid, awaited_manager text,
        roles text[], queues text[], attributes jsonb, active boolean, leaver boolean, merged_into uuid,
        created_at timestamptz, updated_at timestamptz, birth_date date, event_type text, changed text[],
        reason text, note text
    )
), saved as (
    insert into holders (
        id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, leaver, merged_into, created_at, updated_at, birth_date
    )
    select id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, leaver, merged_into, created_at, updated_at, birth_date
    from incoming
    on conflict (id) do update set
        version = excluded.version, kind = excluded.kind, external_id = excluded.external_id,
        name = excluded.name, email = excluded.email, phone = excluded.phone,
        time_zone = excluded.time_zone, locale = excluded.locale, team = excluded.team,
        location = excluded.location, manager_id = excluded.manager_id,
        awaited_manager = excluded.awaited_manager, roles = excluded.roles, queues = excluded.queues,
        attributes = excluded.attributes, active = excluded.active, leaver = excluded.leaver,
        merged_into = excluded.merged_into, updated_at = excluded.updated_at,
        birth_date = excluded.birth_date
)
insert into holder_history (holder_id, version, event_type, changed, reason, note, actor, at)
select id, version, event_type, changed, reason, note, $2, updated_at from incoming;

-- name: read_holder
-- One holder.
select * from holders where id = $1;

-- name: read_birth_date
-- The date of birth of a holder.
select birth_date from holders where id = $1;

-- name: lock_holder
-- One holder, locked until the transaction ends.
select * from holders where id = $1 for no key update;

-- name: lock_holders_by_external_id
-- Holders by external id, their survivors, and the holders that await one of the ids as manager, locked by id until the
-- transaction ends. The latter are locked here since they are linked last, when credentials are locked already.
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
-- The record with the external id, merged or not, locked until the transaction ends.
select * from holders where external_id = $1 for no key update;

-- name: reserve_external_ids
-- Advisory locks on external ids, in order: exclusive for $1, which may be created, shared for $2, which are only named.
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
-- Holder ids of external ids, survivors for merged records. A merge or erasure of one waits until the transaction ends.
select external_id, coalesce(merged_into, id) as resolved from holders
where external_id = any($1::text[]) order by id for key share;

-- name: resolve_ids
-- Survivors of merged records, or the ids themselves. A merge or erasure of one waits until the transaction ends.
select id, coalesce(merged_into, id) as resolved from holders where id = any($1::uuid[]) order by id for key share;

-- name: note_feed_date
-- Set the date on which a feed last named a holder.
update holders set named_at = $2 where id = $1;

-- name: note_feed_dates
-- Set the date on which a feed last named holders, by their external ids: for merged records that of the survivor.
update holders set named_at = $2
where id = any(array(select coalesce(merged_into, id) from holders where external_id = any($1::text[])));

-- name: lock_managers
-- Serialise changes of managers: two concurrent transactions would each miss the other's half of a cycle.
select pg_advisory_xact_lock(hashtextextended('licet.managers', 0));

-- name: manager_cycle
-- The holders of a cycle of managers through one of the holders $1, in order; nothing if there is none.
with recursive up (start, next, path) as (
    select id, manager_id, array[id] from holders where id = any($1::uuid[]) and manager_id is not null
    union all
    select up.start, h.manager_id, up.path || h.id
    from up join holders h on h.id = up.next
    where h.manager_id is not null and h.id <> all (up.path)
)
select coalesce(h.external_id, h.id::text) as label
from (select path from up where next = start order by cardinality(path), path limit 1) as cycle,
    unnest(cycle.path) with ordinality as step (id, place)
    join holders h on h.id = step.id
order by step.place;

-- name: read_manager_chains
-- The chains of managers above the holders $1, including them, with known and awaited managers.
with recursive up as (
    select id, manager_id, awaited_manager, external_id from holders where id = any($1::uuid[])
    union
    select h.id, h.manager_id, h.awaited_manager, h.external_id from up join holders h on h.id = up.manager_id
)
select id as holder_id, manager_id, awaited_manager, coalesce(external_id, id::text) as label from up;

-- name: lock_awaiting_manager
-- Holders that await one of these external ids as their manager, locked until the transaction ends.
select * from holders where awaited_manager = any($1::text[]) order by id for no key update;

-- name: count_absent
-- Holders of a kind that a feed has named since $2, and active ones with an external id, entered before, that it has not.
select count(*) filter (where named_at >= $2) as named,
    count(*) filter (
        where active and external_id is not null and coalesce(named_at, created_at) < $2
    ) as absent
from holders where kind = $1;

-- name: lock_absent
-- A bounded number of holders that a feed has not named since $2, locked until the transaction ends.
select * from holders
where kind = $1 and active and external_id is not null and coalesce(named_at, created_at) < $2
order by id limit $3 for no key update;

-- name: lock_affected
-- The holders $1, the reports of $2 and the records merged into it, locked until the transaction ends.
select * from holders
where id = any($1::uuid[]) or manager_id = $2 or merged_into = $2
order by id limit $3 for no key update;

-- name: fence
-- Fence a holder and the records merged into it: new references to them wait until the transaction ends.
select id from holders where id = $1 or merged_into = $1 order by id for update;

-- name: ids_merged_into
-- Records that were merged into a holder.
select id from holders where merged_into = $1 order by id limit 500;

-- name: read_history
-- A page of the history of a holder, oldest first.
select * from holder_history where holder_id = $1 and version > $2 order by version limit $3;

-- template: list_holders
-- A page of holders, without merged records.
select * from holders h
where h.merged_into is null
  and h.kind = :kind --if kind
  and h.team = :team --if team
  and h.location = :location --if location
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and folded_codes(h.roles) @> array[lower(:role::text)] --if role
  and folded_codes(h.queues) @> array[lower(:queue::text)] --if queue
  and h.active --if active
  and not h.active --if inactive
  and (searchable(h.name) like any(:word_1) or searchable(h.external_id) like any(:word_1) or searchable(h.email) like any(:word_1)) --if word_1
  and (searchable(h.name) like any(:word_2) or searchable(h.external_id) like any(:word_2) or searchable(h.email) like any(:word_2)) --if word_2
  and (searchable(h.name) like any(:word_3) or searchable(h.external_id) like any(:word_3) or searchable(h.email) like any(:word_3)) --if word_3
  and h.id > :after_id --if after_id_up
  and h.id < :after_id --if after_id_down
  and (people_order(h.name) collate "C", h.id) > (people_order(:after) collate "C", :after_id) --if after_name_up
  and (people_order(h.name) collate "C", h.id) < (people_order(:after) collate "C", :after_id) --if after_name_down
order by
    people_order(h.name) collate "C", --if name_up
    people_order(h.name) collate "C" desc, --if name_down
    h.id --unless backwards
    h.id desc --if backwards
limit :limit;

-- name: lock_holders_after
-- Holders in the order of their ids, locked until the transaction ends, for a backfill.
select * from holders where ($1::uuid is null or id > $1) order by id limit $2 for no key update;
