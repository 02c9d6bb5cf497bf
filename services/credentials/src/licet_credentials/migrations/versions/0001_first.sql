create table locations (
    code text primary key,
    version bigint not null,
    name text not null,
    time_zone text,
    country text,
    subdivision text,
    supervisor_ids uuid[] not null,
    fallback_email text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table teams (
    code text primary key,
    version bigint not null,
    name text not null,
    supervisor_ids uuid[] not null,
    fallback_email text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table holders (
    id uuid primary key,
    version bigint not null,
    kind text not null,
    external_id text unique,
    name text not null,
    email text,
    phone text,
    time_zone text,
    locale text,
    team text,
    location text,
    manager_id uuid references holders (id),
    -- A manager who was named by an external id that nobody has yet.
    awaited_manager text,
    roles text[] not null,
    queues text[] not null,
    attributes jsonb not null,
    active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index holders_team on holders (team, id);
create index holders_location on holders (location, id);
create index holders_roles on holders using gin (roles);
create index holders_queues on holders using gin (queues);
create index holders_awaited_manager on holders (awaited_manager) where awaited_manager is not null;

create table holder_history (
    holder_id uuid not null references holders (id),
    version bigint not null,
    event_type text not null,
    changed text[] not null,
    reason text,
    actor text not null,
    at timestamptz not null,
    primary key (holder_id, version)
);

create table credential_types (
    code text primary key,
    version bigint not null,
    name text not null,
    category text not null,
    expires boolean not null,
    validity jsonb,
    ladder integer[] not null,
    renewal_window_days integer,
    grace_days integer not null,
    renewal_basis text,
    fixed_date jsonb,
    renewal_evidence text not null,
    number_unique text not null,
    attributes jsonb not null,
    aliases text[] not null,
    retired boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Whether some credentials may still carry an older version's ladder or grace.
    replanning boolean not null default false
);
create index credential_types_replanning on credential_types (code) where replanning;

create table credentials (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null references holders (id),
    type text not null references credential_types (code),
    type_version bigint not null,
    name text not null,
    number text,
    -- Among whom the number must be unique: `holder:<id>`, `jurisdiction:<code>`, or null.
    number_scope text,
    country text,
    subdivision text,
    issuer text,
    issued_on date,
    notes text,
    own_ladder integer[],
    ladder integer[] not null,
    grace_days integer not null,
    attributes jsonb not null,
    voided boolean not null,
    quiet_until timestamptz,
    announced text not null,
    announced_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index credentials_number_unique on credentials (type, number_scope, number)
    where number_scope is not null and number is not null and not voided;
create index credentials_holder on credentials (holder_id, id);
create index credentials_type on credentials (type, id);
create index credentials_number on credentials (number) where number is not null;

-- One row for each revision of a term; the one that is believed now has no known_until.
create table terms (
    id uuid not null,
    revision integer not null,
    credential_id uuid not null references credentials (id),
    valid_from date,
    expires_on date,
    expiry text not null,
    time_zone text not null,
    starts_at timestamptz not null,
    expires_at timestamptz,
    recorded_at timestamptz not null,
    corrected_at timestamptz,
    announce_reached boolean not null,
    previous_term_id uuid,
    completed_on date,
    image_ids uuid[] not null,
    source_key text,
    notes text,
    known_from timestamptz not null,
    known_until timestamptz,
    primary key (id, revision)
);
create index terms_credential on terms (credential_id) where known_until is null;

-- What lists compute validity from, by the instant that is asked for.
create table runs (
    credential_id uuid not null references credentials (id),
    ordinal integer not null,
    starts_at timestamptz not null,
    expiring_at timestamptz,
    expires_at timestamptz,
    expires_on date,
    primary key (credential_id, ordinal)
);
create index runs_expires_on on runs (expires_on, credential_id);

-- As with terms: one row for each thing that was believed about a flag.
create table flags (
    id uuid not null,
    revision integer not null default 1,
    credential_id uuid not null references credentials (id),
    kind text not null,
    effective_from timestamptz not null,
    until timestamptz,
    reason text not null,
    note text,
    known_from timestamptz not null,
    known_until timestamptz,
    primary key (id, revision)
);
create index flags_credential on flags (credential_id) where known_until is null;

create table images (
    id uuid primary key,
    credential_id uuid not null references credentials (id),
    kind text not null,
    sha256 text not null,
    content_type text not null,
    width integer not null,
    height integer not null,
    size bigint not null,
    created_at timestamptz not null,
    unique (credential_id, sha256)
);

create table verifications (
    id uuid primary key,
    credential_id uuid not null references credentials (id),
    term_id uuid not null,
    checked_at timestamptz not null,
    source text not null,
    result text not null,
    valid_until timestamptz,
    actor text not null,
    note text
);
create index verifications_credential on verifications (credential_id, checked_at);

create table credential_history (
    credential_id uuid not null references credentials (id),
    version bigint not null,
    -- Whose it was then; a correction may move it.
    holder_id uuid not null,
    event_type text not null,
    details jsonb not null,
    reason text,
    note text,
    actor text not null,
    at timestamptz not null,
    primary key (credential_id, version)
);
create index credential_history_holder on credential_history (holder_id, credential_id);

create table imports (
    id uuid primary key,
    state text not null,
    mapping_name text not null,
    mapping text not null,
    dry_run boolean not null,
    file_name text not null,
    content bytea,
    actor text not null,
    total_rows integer,
    total_batches integer,
    done_batches integer not null,
    counts jsonb not null,
    types_created text[] not null,
    problem text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz
);
create index imports_open on imports (id) where state in ('queued', 'running');

create table import_rows (
    import_id uuid not null references imports (id),
    line integer not null,
    outcome text not null,
    credential_id uuid,
    errors jsonb not null,
    primary key (import_id, line)
);
create index import_rows_outcome on import_rows (import_id, outcome, line);
