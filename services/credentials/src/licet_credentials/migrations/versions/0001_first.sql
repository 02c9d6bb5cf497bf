-- Free text is found by its trigrams; every managed PostgreSQL has this extension, and a database's owner may
-- create it.
create extension if not exists pg_trgm;

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
    -- Judged at the end of a statement, so that two records may change their ids in one.
    external_id text unique deferrable,
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
    -- Inactive because a complete feed no longer named it.
    leaver boolean not null default false,
    merged_into uuid references holders (id),
    -- When another system last sent it by its external id, changed or not. No index holds it, so that
    -- noting it costs little.
    named_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 90);
create index holders_manager on holders (manager_id) where manager_id is not null;
create index holders_merged_into on holders (merged_into) where merged_into is not null;
create index holders_name on holders (name, id);
create index holders_kind on holders (kind);
create index holders_inactive on holders (id) where not active;
create index holders_team on holders (team, id);
create index holders_location on holders (location, id);
create index holders_roles on holders using gin (roles);
create index holders_queues on holders using gin (queues);
-- A role that a dozen of many thousands have must be told from one that hundreds have.
alter table holders alter column roles set statistics 1000, alter column queues set statistics 1000;
-- A small list of what is not yet sorted in: every search reads the whole of it.
create index holders_words on holders
    using gin (name gin_trgm_ops, external_id gin_trgm_ops, email gin_trgm_ops) with (gin_pending_list_limit = 256);
create index holders_awaited_manager on holders (awaited_manager) where awaited_manager is not null;

create table holder_history (
    holder_id uuid not null references holders (id),
    version bigint not null,
    event_type text not null,
    changed text[] not null,
    reason text,
    note text,
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
    updated_at timestamptz not null
);

-- What a type may be called, its code and its aliases; each name is one type's.
create table credential_type_names (
    name text primary key,
    type text not null references credential_types (code)
);
create index credential_type_names_type on credential_type_names (type);

-- Types of which some credentials may still carry an older version's ladder or grace. A table of its own,
-- so that working them through holds no type: whoever records a credential needs that.
create table replannings (
    type text primary key references credential_types (code),
    since timestamptz not null,
    done integer not null
);

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
    -- When a renewal was handed to its issuer, and until when reminders rest for it.
    submitted_at timestamptz,
    quiet_until timestamptz,
    announced text not null,
    announced_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 90);
create unique index credentials_number_unique on credentials (type, number_scope, number)
    where number_scope is not null and number is not null and not voided;
create index credentials_holder on credentials (holder_id, id);
create index credentials_type on credentials (type, id);
create index credentials_name on credentials (name, id);
create index credentials_country on credentials (country) where country is not null;
create index credentials_subdivision on credentials (subdivision) where subdivision is not null;
create index credentials_words on credentials
    using gin (name gin_trgm_ops, number gin_trgm_ops) with (gin_pending_list_limit = 256);
create index credentials_attributes on credentials
    using gin (attributes jsonb_path_ops) with (gin_pending_list_limit = 256) where attributes <> '{}';
create index credentials_type_version on credentials (type, type_version);

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
    source_key text,
    notes text,
    known_from timestamptz not null,
    known_until timestamptz,
    primary key (id, revision)
);
create index terms_credential on terms (credential_id) where known_until is null;

-- What lists compute validity from, by the instant that is asked for. Of a credential's rows exactly one is
-- current at any instant; one without any run has a single row that says so, with no start.
create table runs (
    credential_id uuid not null references credentials (id),
    ordinal integer not null,
    current_from timestamptz not null,
    current_until timestamptz not null,
    starts_at timestamptz,
    expiring_at timestamptz,
    expires_at timestamptz,
    expires_on date,
    -- The term whose end is the run's; without a run the last one.
    term_id uuid not null,
    term_revision integer not null,
    primary key (credential_id, ordinal)
);
create index runs_expires_on on runs ((coalesce(expires_on, date 'infinity')), credential_id);
-- A week is one in a thousand of what may be asked for; a hundred steps of statistics can't tell it from ten.
alter index runs_expires_on alter column 1 set statistics 1000;

-- What lists look up by, of what time or a check changes: kept apart from the credential, so that a change
-- of its validity leaves the indexes on the credential alone.
create table register (
    credential_id uuid primary key references credentials (id),
    -- The validity that holds until next_change_at; from then on it follows from runs and flags.
    validity text not null,
    next_change_at timestamptz not null,
    -- Until when the latest check holds; -infinity where there is none that confirms.
    verified_until timestamptz not null
);
create index register_validity on register (validity, next_change_at);
create index register_next_change on register (next_change_at);
create index register_verified on register (verified_until) where verified_until > '-infinity';

create table flags (
    id uuid not null,
    revision integer not null default 1,
    credential_id uuid not null references credentials (id),
    kind text not null,
    effective_from timestamptz not null,
    until timestamptz,
    reason text not null,
    note text,
    source_key text,
    known_from timestamptz not null,
    known_until timestamptz,
    primary key (id, revision)
);
create index flags_credential on flags (credential_id) where known_until is null;

-- The validity of a credential at an instant, by the same rules as validity.py; a test holds the two together.
create function validity_at(credential uuid, at timestamptz) returns text language sql stable parallel safe as $$
    select case
        when flag.kind is not null then flag.kind
        when run.starts_at is null then 'incomplete'
        when at < run.starts_at then 'pending'
        when run.expires_at <= at then 'expired'
        when run.expiring_at <= at then 'expiring'
        else 'active'
      end
    from runs run left join lateral (
        select f.kind from flags f
        where f.credential_id = credential and f.known_until is null
          and f.effective_from <= at and (f.until is null or at < f.until)
        order by array_position(array['revoked', 'surrendered', 'suspended'], f.kind) limit 1
    ) flag on true
    where run.credential_id = credential and run.current_from <= at and at < run.current_until
$$;

-- What lies in the bucket, or may: a row is committed before the first byte is sent there, and is removed
-- after the last one is gone. One that no image refers to is collected once `look_at` has come.
create table image_objects (
    sha256 text not null,
    -- A set that is being removed is never used again, and its number neither: so no late deletion hits
    -- what was uploaded since.
    generation bigint generated by default as identity,
    -- `wanted`, then `removing`, then `removed` (once; again later, for what arrived late).
    state text not null,
    -- Machine time; null while nothing but an image's removal can change anything.
    look_at timestamptz,
    primary key (sha256, generation)
);
create unique index image_objects_wanted on image_objects (sha256) where state = 'wanted';
create index image_objects_look_at on image_objects (look_at) where look_at is not null;

create table images (
    id uuid primary key,
    credential_id uuid not null references credentials (id),
    kind text not null,
    sha256 text not null,
    generation bigint not null,
    content_type text not null,
    width integer,
    height integer,
    size bigint not null,
    display_type text,
    thumbnail_type text,
    term_id uuid,
    created_at timestamptz not null,
    unique (credential_id, sha256),
    foreign key (sha256, generation) references image_objects (sha256, generation)
);
create index images_objects on images (sha256, generation);

-- Who looked at an original; kept when the image is deleted.
create table image_views (
    id uuid primary key,
    credential_id uuid not null references credentials (id),
    image_id uuid not null,
    actor text not null,
    at timestamptz not null
);
create index image_views_image on image_views (credential_id, image_id, id);

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
    -- Whose it was then, and of which type; a correction may change either.
    holder_id uuid not null,
    type text not null,
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
    file_size bigint not null,
    encoding text not null,
    delimiter text not null,
    actor text not null,
    -- The holder up to whom the staged rows are worked off.
    cursor_key text collate "C",
    total_rows integer,
    done_rows integer not null default 0,
    counts jsonb not null default '{}',
    types_created text[] not null default '{}',
    undone_by text,
    undo_step smallint not null default 1,
    undo_after uuid,
    undo_counts jsonb not null default '{}',
    problem text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz
);
create index imports_open on imports (id) where state in ('queued', 'running', 'cancelling', 'undoing');

-- A file in pieces, until it is cut into rows.
create table import_chunks (
    import_id uuid not null references imports (id),
    ordinal integer not null,
    content bytea not null,
    primary key (import_id, ordinal)
);

-- Rows that wait, by holder, until the import ends. No foreign keys here and below: rows come by the million.
create table import_staged (
    import_id uuid not null,
    holder_key text collate "C" not null,
    line integer not null,
    cells bytea not null,
    primary key (import_id, holder_key, line)
);

-- Numbers that a dry run would have taken, until it ends.
create table import_numbers (
    import_id uuid not null,
    type text not null,
    scope text not null,
    number text not null,
    credential_id uuid not null,
    primary key (import_id, type, scope, number)
);

-- Who would report to whom after a dry run, by external ids, until it ends.
create table import_managers (
    import_id uuid not null,
    report text not null,
    manager text not null,
    primary key (import_id, report)
);

create table import_rows (
    import_id uuid not null,
    line integer not null,
    outcome text not null,
    credential_id uuid,
    -- Whose row it is, kept with what a rejected row said, so that both can be erased.
    holder_key text,
    errors jsonb,
    primary key (import_id, line)
);
create index import_rows_outcome on import_rows (import_id, outcome, line);
create index import_rows_said on import_rows (holder_key) where errors is not null;

-- What an import made or changed, with the version it left, so that it can be undone.
create table import_effects (
    import_id uuid not null,
    -- 1 credentials, 2 holders: the order in which they are undone.
    step smallint not null,
    id uuid not null,
    version bigint not null,
    created boolean not null,
    -- Of a credential that was there before: the terms that it got, and whether that is not all it got.
    terms uuid[] not null default '{}',
    more boolean not null default false,
    -- Of a holder that was there before: the row whose facts were taken over.
    line integer,
    undo text,
    undo_reason text,
    primary key (import_id, step, id)
);
create index import_effects_line on import_effects (import_id, line) where line is not null;

-- Who was given a copy of everything about a holder.
create table holder_copies (
    id uuid primary key,
    holder_id uuid not null references holders (id),
    actor text not null,
    at timestamptz not null
);
create index holder_copies_holder on holder_copies (holder_id);

-- What stays of the erased: that it was done and why, and how many events there were and when. Beside it the
-- bare ids in `erased_holders`, which every service has.
create table erasures (
    holder_id uuid primary key,
    erased_at timestamptz not null,
    actor text not null,
    reason text not null,
    counts jsonb not null
);

create table erased_events (
    holder_id uuid not null,
    credential_id uuid,
    version bigint not null,
    event_type text not null,
    at timestamptz not null
);
create index erased_events_holder on erased_events (holder_id);

-- Objects of images of the erased: to be told as long as they are in the bucket and nobody's.
create table erased_objects (
    holder_id uuid not null,
    sha256 text not null,
    generation bigint not null,
    primary key (holder_id, sha256, generation)
);

-- Actions on many credentials, with what the token saw that asked for each.
create table bulks (
    id uuid primary key,
    state text not null,
    action jsonb not null,
    dry_run boolean not null,
    actor text not null,
    teams text[],
    locations text[],
    total integer not null,
    created_at timestamptz not null,
    finished_at timestamptz
);
create index bulks_open on bulks (id) where state = 'running';

-- The credentials of each, and what came of them; an id may be of one that is not there.
create table bulk_rows (
    bulk_id uuid not null references bulks (id),
    ordinal integer not null,
    credential_id uuid not null,
    outcome text,
    detail text,
    changes jsonb,
    -- In a dry run: the number that it would have, with the scope in which nobody else may, as a hash.
    takes uuid,
    primary key (bulk_id, ordinal)
);
create index bulk_rows_waiting on bulk_rows (bulk_id, ordinal) where outcome is null;
create index bulk_rows_outcome on bulk_rows (bulk_id, outcome, ordinal);
create index bulk_rows_takes on bulk_rows (bulk_id, takes) where takes is not null;
