-- What holders, credentials, their types and locations are, kept by version, and the note that something changed.

-- name: upsert_holders
-- Keep each holder that is newer than ours ($1: JSON array), and note those of whom something counts, and which
-- roles and queues they have gained.
with told as (
    select
        t.*,
        case when h.active then h.targets else '{}' end as old_targets,
        t.again or h.id is null
            or (h.active, h.location, h.targets) is distinct from (t.active, t.location, t.targets) as differs
    from jsonb_to_recordset($1::jsonb) as t (
        id uuid, version bigint, again boolean, active boolean, team text, location text, targets text[],
        external_key text, email_key text, merged_into uuid, name text,
        told_at timestamptz, correlation_id text, causation_id text, traceparent text
    )
    left join holders h on h.id = t.id
    where h.id is null or h.version < t.version or (h.version = t.version and t.again)
), kept as (
    insert into holders as h (
        id, version, active, team, location, targets, external_key, email_key, merged_into, name, reassigned_at
    )
    select
        id, version, active, team, location, targets, external_key, email_key, merged_into, name,
        case when not again then told_at end
    from told order by id
    on conflict (id) do update set
        version = excluded.version, active = excluded.active, team = excluded.team,
        location = excluded.location, targets = excluded.targets,
        external_key = excluded.external_key, email_key = excluded.email_key,
        merged_into = excluded.merged_into, name = excluded.name,
        reassigned_at = case
            when (h.location, h.targets) is distinct from (excluded.location, excluded.targets)
            then excluded.reassigned_at else h.reassigned_at
        end
    where h.version <= excluded.version
    returning h.id
), known as (
    insert into targets (target)
    select distinct named.target from told cross join unnest(told.targets) as named (target)
    order by 1
    on conflict do nothing
), gained as (
    insert into entry_gains (holder_id, trigger, correlation_id, causation_id, traceparent)
    select told.id, named.target, told.correlation_id, told.causation_id, told.traceparent
    from told join kept using (id) cross join unnest(told.targets) as named (target)
    where told.active and named.target <> all (told.old_targets)
    order by 1, 2
    on conflict (holder_id, trigger) do nothing
)
insert into changes (kind, subject, correlation_id, causation_id, traceparent)
select 'holder', told.id::text, told.correlation_id, told.causation_id, told.traceparent
from told join kept using (id)
where told.differs
order by told.id::text
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: upsert_credentials
-- Keep each credential that is newer than ours ($1: JSON array), and note holder and type of those of
-- which something counts; before and after, where one went to another holder or type. Note too that a holder
-- has gained a credential of the type.
with told as (
    select
        t.*,
        c.holder_id as old_holder_id,
        c.type as old_type,
        t.again or c.id is null
            or (c.holder_id, c.type, c.facts) is distinct from (t.holder_id, t.type, t.facts) as differs
    from jsonb_to_recordset($1::jsonb) as t (
        id uuid, version bigint, again boolean, holder_id uuid, type text, number text, facts jsonb,
        changed_at timestamptz,
        correlation_id text, causation_id text, traceparent text
    )
    left join credentials c on c.id = t.id
    where c.id is null or c.version < t.version or (c.version = t.version and t.again)
), kept as (
    insert into credentials as c (id, version, holder_id, type, number, facts, changed_at)
    select id, version, holder_id, type, number, facts, changed_at from told order by id
    on conflict (id) do update set
        version = excluded.version, holder_id = excluded.holder_id, type = excluded.type,
        number = excluded.number, facts = excluded.facts,
        changed_at = coalesce(excluded.changed_at, c.changed_at)
    where c.version <= excluded.version
    returning c.id
), gained as (
    insert into entry_gains (holder_id, trigger, correlation_id, causation_id, traceparent)
    select distinct on (told.holder_id, told.type)
        told.holder_id, 'type:' || told.type, told.correlation_id, told.causation_id, told.traceparent
    from told join kept using (id)
    where not (told.facts ->> 'voided')::boolean
      and (told.holder_id, told.type) is distinct from (told.old_holder_id, told.old_type)
    order by told.holder_id, told.type, told.version desc
    on conflict (holder_id, trigger) do nothing
)
insert into changes (kind, subject, type, correlation_id, causation_id, traceparent)
select distinct on (touched.subject, touched.type)
    'credential', touched.subject, touched.type, told.correlation_id, told.causation_id, told.traceparent
from told join kept using (id)
cross join lateral (
    values (told.holder_id::text, told.type), (told.old_holder_id::text, told.old_type)
) as touched (subject, type)
where told.differs and touched.subject is not null
order by touched.subject, touched.type, told.version desc
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: end_credentials
-- Forget credentials that are still kept under a holder whom they have left ($1: JSON array), and note
-- that holder and type. One that is kept under another holder was told of there before, and stays.
with ended as (
    delete from credentials c
    using jsonb_to_recordset($1::jsonb) as t (
        id uuid, holder_id uuid, correlation_id text, causation_id text, traceparent text
    )
    where c.id = t.id and c.holder_id = t.holder_id
    returning c.holder_id, c.type, t.correlation_id, t.causation_id, t.traceparent
)
insert into changes (kind, subject, type, correlation_id, causation_id, traceparent)
select distinct on (holder_id, type)
    'credential', holder_id::text, type, correlation_id, causation_id, traceparent
from ended
order by holder_id, type
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: upsert_locations
-- Keep each location that is newer than ours ($1: JSON array), and note those that lie elsewhere now.
with told as (
    select
        t.*,
        t.again or l.code is null
            or (l.country, l.subdivision) is distinct from (t.country, t.subdivision) as differs
    from jsonb_to_recordset($1::jsonb) as t (
        code text, version bigint, again boolean, country text, subdivision text, time_zone text,
        correlation_id text, causation_id text, traceparent text
    )
    left join locations l on l.code = t.code
    where l.code is null or l.version < t.version or (l.version = t.version and t.again)
), kept as (
    insert into locations as l (code, version, country, subdivision, time_zone)
    select code, version, country, subdivision, time_zone from told order by code
    on conflict (code) do update set
        version = excluded.version, country = excluded.country, subdivision = excluded.subdivision,
        time_zone = excluded.time_zone
    where l.version <= excluded.version
    returning l.code
)
insert into changes (kind, subject, correlation_id, causation_id, traceparent)
select 'location', told.code, told.correlation_id, told.causation_id, told.traceparent
from told join kept using (code)
where told.differs
order by told.code
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: upsert_types
-- Keep each credential type that is newer than ours ($1: JSON array), and note each name that has become
-- an alias of it or is none any more. A snapshot of the same version is taken over too: it may say more
-- than was kept of that version.
with told as (
    select t.*, coalesce(c.aliases, '{}') as old_aliases
    from jsonb_to_recordset($1::jsonb) as t (
        code text, version bigint, again boolean, aliases text[], retired boolean, expires boolean,
        validity jsonb, attributes jsonb, correlation_id text, causation_id text, traceparent text
    )
    left join credential_types c on c.code = t.code
    where c.code is null or c.version < t.version or (c.version = t.version and t.again)
), kept as (
    insert into credential_types as c (code, version, aliases, retired, expires, validity, attributes)
    select code, version, aliases, retired, expires, validity, attributes from told order by code
    on conflict (code) do update set
        version = excluded.version, aliases = excluded.aliases, retired = excluded.retired,
        expires = excluded.expires, validity = excluded.validity, attributes = excluded.attributes
    where c.version <= excluded.version
    returning c.code
)
insert into changes (kind, subject, correlation_id, causation_id, traceparent)
select distinct on (renamed.name)
    'name', renamed.name, told.correlation_id, told.causation_id, told.traceparent
from told join kept using (code)
cross join unnest(told.aliases || told.old_aliases) as renamed (name)
where renamed.name <> all (told.aliases) or renamed.name <> all (told.old_aliases)
order by renamed.name
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: find_type
-- What is known of a credential type, by its code or an alias.
select code, aliases, expires, retired from credential_types
where code = $1 or $1 = any (aliases)
order by code = $1 desc
limit 1;

-- name: forget_holder
-- Delete what is known of a holder and its credentials, and the notes that something of it has changed.
with gained as (
    delete from entry_gains where holder_id = $1
), theirs as (
    delete from credentials where holder_id = $1
), noted as (
    delete from changes where kind in ('holder', 'credential') and subject = $1::text
)
delete from holders where id = $1;

-- name: read_zone
-- The zone of a location, if it is known.
select time_zone from locations where code = $1;

-- name: read_placements
-- The teams, locations and names of some holders.
select id, team, location, name from holders where id = any ($1::uuid[]);
