-- name: save_holders
-- Write new and changed holders, each with the line of history that says what happened.
with incoming as (
    select * from jsonb_to_recordset($1::jsonb) as h (
        id uuid, version bigint, kind text, external_id text, name text, email text, phone text,
        time_zone text, locale text, team text, location text, manager_id uuid, awaited_manager text,
        roles text[], queues text[], attributes jsonb, active boolean, created_at timestamptz,
        updated_at timestamptz, event_type text, changed text[], reason text
    )
), saved as (
    insert into holders (
        id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, created_at, updated_at
    )
    select id, version, kind, external_id, name, email, phone, time_zone, locale, team, location, manager_id,
        awaited_manager, roles, queues, attributes, active, created_at, updated_at
    from incoming
    on conflict (id) do update set
        version = excluded.version, kind = excluded.kind, external_id = excluded.external_id,
        name = excluded.name, email = excluded.email, phone = excluded.phone,
        time_zone = excluded.time_zone, locale = excluded.locale, team = excluded.team,
        location = excluded.location, manager_id = excluded.manager_id,
        awaited_manager = excluded.awaited_manager, roles = excluded.roles, queues = excluded.queues,
        attributes = excluded.attributes, active = excluded.active, updated_at = excluded.updated_at
)
insert into holder_history (holder_id, version, event_type, changed, reason, actor, at)
select id, version, event_type, changed, reason, $2, updated_at from incoming;

-- name: read_holder
-- One holder.
select * from holders where id = $1;

-- name: lock_holder
-- One holder, held until the transaction ends.
select * from holders where id = $1 for update;

-- name: lock_holders_by_external_id
-- Holders by the ids another system has for them, held until the transaction ends, always in one order.
select * from holders where external_id = any($1::text[]) order by id for update;

-- name: reserve_external_ids
-- Let whoever creates the same external ids wait, in one order, so that both can tell what is there.
select pg_advisory_xact_lock(hashtextextended('licet.holder/' || external_id, 0))
from (select external_id from unnest($1::text[]) as wanted (external_id) order by 1) as wanted;

-- name: holder_ids_by_external_id
-- The ids of the holders that another system calls so.
select external_id, id from holders where external_id = any($1::text[]);

-- name: holder_exists
-- Whether there is such a holder.
select exists (select 1 from holders where id = $1);

-- name: lock_awaiting_manager
-- Holders whose manager was named before being known, held until the transaction ends.
select * from holders where awaited_manager = any($1::text[]) order by id for update;

-- name: list_holders
-- A page of holders in the order of their ids, which is that of their entry.
select * from holders
where ($1::uuid is null or id > $1)
  and ($2::text is null or name ilike $2 or external_id ilike $2 or email ilike $2)
  and ($3::text is null or kind = $3)
  and ($4::text is null or team = $4)
  and ($5::text is null or location = $5)
  and ($6::text is null or roles @> array[$6])
  and ($7::text is null or queues @> array[$7])
  and ($8::boolean is null or active = $8)
order by id limit $9;

-- name: lock_holders_after
-- Holders in the order of their ids, held until the transaction ends, for a backfill.
select * from holders where ($1::uuid is null or id > $1) order by id limit $2 for update;
