-- In which language somebody reads, and the roles because of which somebody may be told. Holders that were
-- learned before this have neither until they are told again (`licet backfill`).
alter table holders add column locale text;
alter table holders add column roles text[] not null default '{}';
create index holders_of_role on holders using gin (roles);

-- Why somebody is told: the circle that a rule names (null: the holder or the manager, as `told` says), the
-- fixed address where it is one, and how many days after the step an escalation comes (0: at once).
alter table notifications add column circle text;
alter table notifications add column fixed_address text;
alter table notifications add column after_days smallint not null default 0;
alter table notifications add column rule text;
alter table notifications add column policy_version integer;
create index notifications_escalated on notifications (credential_id) where after_days > 0;

-- Every version of what an organisation has saved for an event; the newest counts. The shipped templates lie
-- under it and are files of the release.
create table template_versions (
    id uuid not null unique, -- what processes know a version by that they have compiled
    event text not null,
    version integer not null,
    variants jsonb not null,
    author text not null,
    note text,
    restored_from integer,
    created_at timestamptz not null,
    primary key (event, version)
);

-- Every version of the policy; the newest counts.
create table policy_versions (
    id uuid not null unique,
    version integer primary key,
    policy jsonb not null,
    author text not null,
    note text,
    restored_from integer,
    created_at timestamptz not null
);
