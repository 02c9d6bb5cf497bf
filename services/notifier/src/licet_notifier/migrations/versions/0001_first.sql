-- Copies of what others own, kept from their events and guarded by version.
create table holders (
    id uuid primary key,
    version bigint not null,
    name text not null,
    email text,
    time_zone text,
    team text,
    location text,
    manager_id uuid,
    active boolean not null,
    merged boolean not null
);

create table credentials (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    type text not null,
    name text not null,
    number text,
    terms jsonb not null,
    runs jsonb not null,
    flags jsonb not null,
    voided boolean not null,
    quiet_until timestamptz
);

create table credential_types (
    code text primary key,
    version bigint not null,
    name text not null
);

create table places (
    kind text not null check (kind in ('team', 'location')),
    code text not null,
    version bigint not null,
    name text not null,
    time_zone text,
    fallback_email text,
    primary key (kind, code)
);

-- What the scheduler announced: one row an event. A credential may go to another holder while mails wait;
-- the row and its decisions are then that holder's as soon as one of the mails is begun.
create table notices (
    event_id uuid primary key,
    event_name text not null,
    credential_id uuid not null,
    holder_id uuid not null,
    credential_version bigint not null,
    term_id uuid,
    term_revision integer not null,
    at timestamptz not null,
    notify boolean not null,
    expires_on date not null,
    time_zone text not null,
    step integer,
    correlation_id text not null,
    traceparent text
);
-- The latest notice of a term overtakes the ones before it.
create index notices_of_term on notices (credential_id, term_id, term_revision, at) where notify;

-- Every decision about (event, recipient, channel).
create table notifications (
    id uuid primary key,
    event_id uuid not null references notices,
    credential_id uuid not null,
    holder_id uuid not null,
    told text not null check (told in ('holder', 'manager')),
    channel text not null,
    role text not null check (role in ('holder', 'manager', 'fallback')),
    recipient_id uuid,
    detour text,
    state text not null check (state in ('pending', 'sending', 'sent', 'skipped', 'failed', 'unknown')),
    reason text not null,
    not_before timestamptz, -- business time
    attempts integer not null default 0,
    unknown_attempts integer not null default 0,
    next_try timestamptz not null, -- machine time, as is the lease
    lease_until timestamptz,
    smtp_status smallint,
    message_id text,
    template text,
    template_version text,
    version integer not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index notifications_pending on notifications (not_before, id) where state = 'pending';
create index notifications_sending on notifications (lease_until) where state = 'sending';
create index notifications_newest on notifications (created_at, id);
create index notifications_of_credential on notifications (credential_id, created_at, id);
create index notifications_of_holder on notifications (holder_id, created_at, id);
