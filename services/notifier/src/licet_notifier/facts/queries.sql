-- name: upsert_holders
-- Keep the states of many holders, each unless a newer one is known. In order of id: every transaction locks
-- rows in that order.
insert into holders (
    id, version, name, email, time_zone, team, location, manager_id, active, merged, locale, roles
)
select id, version, name, email, time_zone, team, location, manager_id, active, merged, locale,
    array(select jsonb_array_elements_text(roles))
from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
    $9::boolean[], $10::boolean[], $11::text[], $12::jsonb[]
) as t (id, version, name, email, time_zone, team, location, manager_id, active, merged, locale, roles)
on conflict (id) do update set
    version = excluded.version, name = excluded.name, email = excluded.email,
    time_zone = excluded.time_zone, team = excluded.team, location = excluded.location,
    manager_id = excluded.manager_id, active = excluded.active, merged = excluded.merged,
    locale = excluded.locale, roles = excluded.roles
where holders.version <= excluded.version;

-- name: upsert_credentials
-- Keep the states of many credentials, each unless a newer one is known; in order of id.
insert into credentials (
    id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until, ends, plan, days
)
select id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until, ends, plan,
    days::integer[]
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[],
    $9::jsonb[], $10::boolean[], $11::timestamptz[], $12::jsonb[], $13::jsonb[], $14::text[]
) as t (
    id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until, ends, plan, days
)
on conflict (id) do update set
    version = excluded.version, holder_id = excluded.holder_id, type = excluded.type,
    name = excluded.name, number = excluded.number, terms = excluded.terms, runs = excluded.runs,
    flags = excluded.flags, voided = excluded.voided, quiet_until = excluded.quiet_until, ends = excluded.ends,
    plan = excluded.plan, days = excluded.days
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
insert into places (
    kind, code, version, name, time_zone, fallback_email, supervisor_ids, country, subdivision
)
select kind, code, version, name, time_zone, fallback_email,
    array(select jsonb_array_elements_text(supervisors)::uuid), country, subdivision
from unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[], $9::text[]
) as t (kind, code, version, name, time_zone, fallback_email, supervisors, country, subdivision)
on conflict (kind, code) do update set
    version = excluded.version, name = excluded.name, time_zone = excluded.time_zone,
    fallback_email = excluded.fallback_email, supervisor_ids = excluded.supervisor_ids,
    country = excluded.country, subdivision = excluded.subdivision
where places.version <= excluded.version;

-- name: lock_credentials
-- Read credentials and keep their changes out until the transaction ends: a renewal is applied before
-- the mail is begun, and then seen here, or after.
select id, version, holder_id, type, name, number, terms, runs, flags, voided, quiet_until, ends
from credentials where id = any($1::uuid[]) order by id for share;

-- name: read_acknowledgements
-- What was said by links in mails about credentials; read after the credentials are locked, as who writes one locks
-- them.
select credential_id, term_id, until, recipient from acknowledgements where credential_id = any($1::uuid[]);

-- name: read_plans
-- The plans of credentials: every instant at which time alone changes something.
select id, plan from credentials where id = any($1::uuid[]) and plan is not null;

-- name: lock_holders
-- Read holders and their managers and keep their changes out until the transaction ends.
select
    id, version, name, email, time_zone, team, location, manager_id, active, merged, locale, roles,
    exists (select from bounces b where b.hard and b.address = lower(email)) as bounced
from holders
where id = any($1::uuid[]) or id in (select manager_id from holders where id = any($1::uuid[]))
order by id for share;

-- name: read_catalogue
-- The names of credential types, and what mails need of teams and locations.
select 'credential_type' as kind, code, name, null as time_zone, null as fallback_email, null as country,
    null as subdivision
from credential_types where code = any($1::text[])
union all
select kind, code, name, time_zone, fallback_email, country, subdivision from places
where (kind = 'team' and code = any($2::text[])) or (kind = 'location' and code = any($3::text[]));

-- name: upsert_enrolments
-- Keep the states of many enrolments ($1: JSON array), each unless a newer one is known; in order of id.
insert into enrolments as e (id, version, holder_id, state)
select (state ->> 'id')::uuid, (state ->> 'version')::bigint, (state ->> 'holder_id')::uuid, state
from jsonb_array_elements($1::jsonb) as t (state)
order by 1
on conflict (id) do update set
    version = excluded.version, holder_id = excluded.holder_id, state = excluded.state
where e.version <= excluded.version;

-- name: upsert_programmes
-- Keep the names of programmes, each unless a newer one is known.
insert into programmes (code, version, name)
select * from unnest($1::text[], $2::bigint[], $3::text[])
on conflict (code) do update set version = excluded.version, name = excluded.name
where programmes.version <= excluded.version;

-- name: lock_enrolments
-- Read enrolments and keep their changes out until the transaction ends, each with the name of its programme and
-- whether a later one of the same holder that follows it is open.
select e.state, p.name as programme, exists (
    select from enrolments later
    where later.holder_id = e.holder_id and later.state ->> 'previous_enrolment_id' = e.id::text
      and later.state ->> 'stage' in ('applied', 'in_progress', 'admin_review')
) as begun_again
from enrolments e left join programmes p on p.code = e.state ->> 'programme'
where e.id = any($1::uuid[]) order by e.id for share of e;

-- name: read_supervisors
-- Who supervises teams ($1) and locations ($2).
select p.kind, p.code, supervisor.id
from places p cross join unnest(p.supervisor_ids) as supervisor (id)
where (p.kind = 'team' and p.code = any($1::text[])) or (p.kind = 'location' and p.code = any($2::text[]));

-- name: read_people_of_roles
-- Active people who have one of the roles, the first of each ($2) in order of id.
select role, id from (
    select role, h.id, row_number() over (partition by role order by h.id) as place
    from unnest($1::text[]) as asked (role)
    join holders h on h.roles @> array[asked.role] and h.active and not h.merged
) found
where place <= $2;

-- name: forget_holder
-- Delete what is known of a holder, its credentials and enrolments.
with theirs as (
    delete from credentials where holder_id = $1
), work as (
    delete from enrolments where holder_id = $1
)
delete from holders where id = $1;
