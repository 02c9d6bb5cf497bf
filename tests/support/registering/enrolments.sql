-- Fill an empty database; `enrolments.py` says with what. {count} enrolments, {held} a holder, one of {every} is
-- rare in each way that `rare` numbers.
insert into programmes (code, version, name, credential_type, created_at, updated_at)
select code, 1, name, code, '2020-01-01', '2020-01-01'
from (values
    ('forklift', 'Forklift driving'), ('first-aid', 'First aid'), ('welding', 'Welding'),
    ('hygiene', 'Food hygiene'), ('diving', 'Commercial diving')
) as t (code, name);

insert into holders (id, version, active, team, location, targets, external_key, name)
select ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, true,
    'team-' || n / 12, 'site-' || n / 15,
    case when n % ({every} / {held} + 1) = 3 then '{role:rigger}'::text[] else '{role:worker}' end,
    'E' || 100000 + n,
    (array['Ana', 'Ben', 'Chloe', 'Dmitri', 'Elif', 'Femi', 'Grace', 'Hans'])[1 + n % 8] || ' '
        || initcap(substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 4 + n % 5))
        || case when n % ({every} / {held} + 1) = 2 then ' Quillfeather' else '' end
from generate_series(0, {count} / {held} - 1) as n;

insert into enrolments (
    id, version, holder_id, programme, programme_version, kind, stage, status, upcoming_at, upcoming,
    settled_at, open, waits_for, waits_since, lacking, credential_id, expires_at, completed_at, opened_at,
    updated_at, state, internals
)
select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1,
    ('01900000-0000-7000-9000-' || lpad(to_hex(n / {held}), 12, '0'))::uuid,
    case when rare = 0 then 'diving'
        else (array['forklift', 'first-aid', 'welding', 'hygiene'])[1 + n % {held}] end,
    1, 'first', stage, status,
    case status
        when 'active' then array[expires_at - interval '30 days', expires_at]
        when 'expiring' then array[expires_at] else '{}' end,
    case status when 'active' then array['expiring', 'expired'] when 'expiring' then array['expired'] else '{}' end,
    '{now}', stage in ('applied', 'in_progress', 'admin_review', 'inactive'),
    case when stage = 'admin_review' then 'completion' when stage = 'applied' then 'application' end,
    case when rare = 6 then timestamptz '2020-01-01' when stage in ('admin_review', 'applied') then '{now}' end,
    case when rare = 7 then '{exam}'::text[] when stage = 'in_progress' then '{course}' else '{}' end,
    case when stage = 'completed' then gen_random_uuid() end,
    case when stage = 'completed' then expires_at end,
    case when rare = 9 then timestamptz '2015-06-01' when stage = 'completed' then timestamptz '{now}' end,
    '{now}', '{now}', '{}', '{}'
from generate_series(0, {count} - 1) as n
cross join lateral (select n % {every} as rare) as r
cross join lateral (
    select case when rare = 8 then '{now}'::timestamptz + interval '2 days'
        -- The rare ones of 10 have gone over to another status, and nobody has settled them yet.
        when rare = 10 then '{now}'::timestamptz - interval '1 hour'
        else '{now}'::timestamptz + interval '1 day' * (5 + n::bigint * 7919 % 1000) end as expires_at
) as ends
cross join lateral (
    select case when rare = 5 then 'declined' when rare = 6 then 'applied'
        when rare in (8, 9, 10) or n % 2 = 0 then 'completed'
        when n % 7 = 0 then 'admin_review' else 'in_progress' end as stage
) as s
cross join lateral (
    select case when stage <> 'completed' then stage
        when rare = 10 then 'expiring'
        when expires_at <= '{now}'::timestamptz + interval '30 days' then 'expiring' else 'active' end as status
) as shown;
