-- Fill an empty database; `many.py` says with what. {count} credentials, {held} a holder, one of {every} is rare
-- in each way that `rare` numbers.
insert into credential_types (
    code, version, name, category, expires, validity, ladder, grace_days, renewal_evidence, number_unique,
    attributes, aliases, retired, created_at, updated_at
)
select code, 1, name, category, true, '{"months": 12}', '{30,0,-7}', 0, 'none', 'none', '[]', aliases, false,
    '2020-01-01', '2020-01-01'
from (values
    ('forklift', 'Forklift licence', 'license', '{}'::text[]),
    ('first-aid', 'First aid', 'training', '{}'),
    ('liability', 'General liability insurance', 'insurance', '{}'),
    ('welding', 'Welding certificate', 'certification', '{}'),
    ('diving', 'Commercial diving', 'other', '{scuba}')
) as t (code, name, category, aliases);
insert into credential_type_names (name, type)
select code, code from credential_types union all select unnest(aliases), code from credential_types;

insert into holders (
    id, version, kind, external_id, name, email, team, location, roles, queues, attributes, active, created_at,
    updated_at
)
select ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 1,
    case when rare = 1 then 'vendor' else 'employee' end,
    'E' || 100000 + n,
    (array['Ana', 'Ben', 'Chloe', 'Dmitri', 'Elif', 'Femi', 'Grace', 'Hans'])[1 + n % 8] || ' '
        || initcap(substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 4 + n % 5))
        || case when rare = 2 then ' Quillfeather' else '' end,
    substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 4 + n % 5) || '.' || n || '@example.test',
    'team-' || n / 12, 'site-' || n / 15,
    case when rare = 3 then '{rigger}'::text[] else '{worker}' end,
    case when rare = 4 then '{night}'::text[] else '{day}' end,
    '{}', rare <> 5, '{now}', '{now}'
from generate_series(0, {count} / {held} - 1) as n,
    lateral (select n % {every} as rare) as r;

create temporary table made as
select n, n % {every} as rare,
    ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
    ('01900000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid as term_id,
    ('01900000-0000-7000-9000-' || lpad(to_hex(n / {held}), 12, '0'))::uuid as holder_id,
    case when n % {every} = 1 then date '2090-01-01' + n % 28
        when n % {every} = 2 then date '2027-01-01'
        when n % {every} = 10 then date '2020-01-01' + n % 28
        else '{now}'::timestamptz::date - 180 + (n::bigint * 7919 % 1100)::int end as expires_on
from generate_series(0, {count} - 1) as n;

insert into credentials (
    id, version, holder_id, type, type_version, name, number, country, subdivision, issuer, issued_on, ladder,
    grace_days, attributes, voided, announced, announced_at, created_at, updated_at
)
select m.id, 1, holder_id, t.code, 1,
    case when rare = 3 then 'Zeppelin pilot' else t.name end,
    'L-' || lpad((('x' || substr(md5(n::text), 1, 8))::bit(32)::bigint % 100000000)::text, 8, '0'),
    case when rare = 4 then 'IS' when rare <> 5 and n % 3 = 0 then 'US' else 'DE' end,
    case when rare = 5 then 'DE-HB' when rare <> 4 and n % 3 = 0 then 'US-IL' end,
    'An authority', expires_on - 365, '{30,0,-7}', 0,
    case when rare = 6 then '{"class": ["CE", "D1"]}' when n % 2 = 0 then '{"class": ["B"]}' else '{}' end::jsonb,
    false, 'active', '{now}', '{now}', '{now}'
from made m join credential_types t
    on t.code = case when rare = 0 then 'diving'
        else (array['forklift', 'first-aid', 'liability', 'welding'])[1 + (n / 3) % 4] end;

insert into terms (
    id, revision, credential_id, valid_from, expires_on, expiry, time_zone, starts_at, expires_at, recorded_at,
    announce_reached, known_from
)
select term_id, 1, id, expires_on - 365, expires_on, 'dated', 'UTC', expires_on - 365, expires_on + 1, '{now}',
    true, '{now}'
from made;

insert into runs (
    credential_id, ordinal, current_from, current_until, starts_at, expiring_at, expires_at, expires_on, term_id,
    term_revision
)
select id, 0, '-infinity', 'infinity', expires_on - 365, expires_on - 30, expires_on + 1, expires_on, term_id, 1
from made;

-- Suspensions in force are rare, those that ended are not.
insert into flags (id, revision, credential_id, kind, effective_from, until, reason, known_from)
select gen_random_uuid(), 1, id, 'suspended', timestamptz '2026-02-01', timestamptz '2026-09-01', 'not_paid', timestamptz '2026-02-01'
from made where rare = 2
union all
select gen_random_uuid(), 1, id, 'suspended', '2025-02-01', '2025-03-01', 'not_paid', '2025-02-01'
from made where n % 40 = 0;

-- Some of what has begun, the rare ones of 7, nobody has settled since.
insert into register (credential_id, validity, next_change_at, verified_until)
select id,
    case when rare = 2 then 'suspended'
        when rare = 7 and begins <= '{now}' then 'pending'
        when ends <= '{now}' then 'expired' when warns <= '{now}' then 'expiring'
        when begins <= '{now}' then 'active' else 'pending' end,
    case when rare = 2 then timestamptz '2026-09-01'
        when rare = 7 and begins <= '{now}' then begins
        when ends <= '{now}' then 'infinity' when warns <= '{now}' then ends
        when begins <= '{now}' then warns else begins end,
    case rare when 8 then '2026-01-01'::timestamptz when 9 then '2027-01-01' else '-infinity' end
from made, lateral (
    select (expires_on - 365)::timestamptz as begins, (expires_on - 30)::timestamptz as warns,
        (expires_on + 1)::timestamptz as ends
) as at;
drop table made;
