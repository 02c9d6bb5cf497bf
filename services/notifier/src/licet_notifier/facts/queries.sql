-- name: upsert_holders
-- Keep the states of many holders, each unless a newer one is known. In order of id: every transaction locks
-- rows in that order.
insert into holders (id, version, name, email, time_zone, team, location, manager_id, active, merged)
select * from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
    $9::boolean[], $10::boolean[]
)
on conflict (id) do update set
    version = excluded.version, name = excluded.name, email = excluded.email,
    time_zone = excluded.time_zone, team = excluded.team, location = excluded.location,
    manager_id = excluded.manager_id, active = excluded.active, merged = excluded.merged
where holders.version <= excluded.version;

-- name: upsert_credentials
-- Keep the states of many credentials, each unless a newer one is known; in order of id.
insert into credentials (
    id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until
)
select * from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[],
    $9::jsonb[], $10::boolean[], $11::timestamptz[]
)
on conflict (id) do update set
    version = excluded.version, holder_id = excluded.holder_id, type = excluded.type,
    name = excluded.name, number = excluded.number, terms = excluded.terms, runs = excluded.runs,
    flags = excluded.flags, voided = excluded.voided, quiet_until = excluded.quiet_until
where credentials.version <= excluded.version;

-- name: end_credentials
-- Forget credentials that are still kept under a holder whom they have left. One that is kept under another
-- holder has arrived there before, and stays.
delete from credentials c
using unnest($1::uuid[], $2::uuid[]) as told (id, holder_id)
where c.id = told.id and c.holder_id = told.holder_id;

-- name: upsert_credential_types
-- Keep the names of credential types, each unless a newer one is known.
insert into credential_types (code, version, name)
select * from unnest($1::text[], $2::bigint[], $3::text[])
on conflict (code) do update set version = excluded.version, name = excluded.name
where credential_types.version <= excluded.version;

-- name: upsert_places
-- Keep what mails need of teams and locations, each unless a newer one is known.
insert into places (kind, code, version, name, time_zone, fallback_email, supervisor_ids)
select kind, code, version, name, time_zone, fallback_email,
    array(select jsonb_array_elements_text(supervisors)::uuid)
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
    as t (kind, code, version, name, time_zone, fallback_email, supervisors)
on conflict (kind, code) do update set
    version = excluded.version, name = excluded.name, time_zone = excluded.time_zone,
    fallback_email = excluded.fallback_email, supervisor_ids = excluded.supervisor_ids
where places.version <= excluded.version;

-- name: lock_credentials
-- Read credentials and keep their changes out until the transaction ends: a renewal is applied before
-- the mail is begun, and then seen here, or after.
select id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until
from credentials where id = any($1::uuid[]) order by id for share;

-- name: lock_holders
-- Read holders and their managers and keep their changes out until the transaction ends.
select id, version, name, email, time_zone, team, location, manager_id, active, merged
from holders
where id = any($1::uuid[]) or id in (select manager_id from holders where id = any($1::uuid[]))
order by id for share;

-- name: read_catalogue
-- The names of credential types, and what mails need of teams and locations.
select 'credential_type' as kind, code, name, null as time_zone, null as fallback_email
from credential_types where code = any($1::text[])
union all
select kind, code, name, time_zone, fallback_email from places
where (kind = 'team' and code = any($2::text[])) or (kind = 'location' and code = any($3::text[]));

-- name: forget_holder
-- Delete what is known of a holder and its credentials.
with theirs as (
    delete from credentials where holder_id = $1
)
delete from holders where id = $1;
