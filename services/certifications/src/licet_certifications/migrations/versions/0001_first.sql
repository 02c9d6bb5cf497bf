-- What other services say, the newest version of each. No names, no numbers: nothing that eligibility
-- does not need. Nothing refers to anything: topics have no order among each other.
create table holders (
    id uuid primary key,
    version bigint not null,
    active boolean not null,
    team text,
    location text,
    targets text[] not null
);
create index holders_targets on holders using gin (targets);

create table credentials (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    type text not null,
    facts jsonb not null
);
create index credentials_holder_id_type on credentials (holder_id, type);

create table locations (
    code text primary key,
    version bigint not null,
    country text,
    subdivision text
);

-- What requirements may call a credential type: its code, or an alias. What a name means is looked up
-- whenever a timeline is computed; requirements keep it as it was said.
create table credential_types (
    code text primary key,
    version bigint not null,
    aliases text[] not null
);

-- A target is known once a requirement has named it or a holder has had it.
create table targets (
    target text primary key
);

-- Requirements as they are, and all that they ever were: past decisions rest on old versions.
create table requirements (
    id uuid primary key,
    version bigint not null,
    target text not null,
    state jsonb not null
);
create index requirements_target on requirements (target, id);

create table requirement_versions (
    requirement_id uuid not null references requirements (id),
    version bigint not null,
    target text not null,
    types text[] not null,
    match_jurisdiction boolean not null,
    state jsonb not null,
    primary key (requirement_id, version)
);
create index requirement_versions_target on requirement_versions (target);

-- The decision in force for each holder, target and location. A row stays when its pair has ended, so
-- that versions go on should it return. Interval n lies between edge n - 1 and edge n and says its verdict
-- and reasons, so that the one for an instant is found without reading the others.
create table timelines (
    holder_id uuid not null,
    target text not null,
    location text not null,
    version bigint not null,
    edges timestamptz[] not null,
    intervals json[] not null,
    facts jsonb not null,
    computed_at timestamptz not null,
    ended_at timestamptz,
    primary key (holder_id, target, location)
);
create index timelines_location on timelines (location) where ended_at is null;

-- Decisions that another one has followed: why somebody was held eligible on some day in the past.
create table past_timelines (
    holder_id uuid not null,
    target text not null,
    location text not null,
    version bigint not null,
    edges timestamptz[] not null,
    intervals json[] not null,
    facts jsonb not null,
    computed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (holder_id, target, location, version)
);

-- Facts that have changed, each once, until it is known what they touch. What that is can only be said
-- after the commit: two facts that change side by side do not see one another.
create table changes (
    kind text not null check (kind in ('holder', 'credential', 'requirement', 'location', 'name')),
    subject text not null,
    type text not null default '',
    queued_at timestamptz not null default clock_timestamp(),
    correlation_id text not null,
    causation_id text,
    traceparent text,
    primary key (kind, subject, type)
);
create index changes_queued_at on changes (queued_at);

-- Pairs whose timelines have to be computed again, each once, with the cause of the last change.
create table recomputations (
    holder_id uuid not null,
    target text not null,
    queued_at timestamptz not null default clock_timestamp(),
    correlation_id text not null,
    causation_id text,
    traceparent text,
    primary key (holder_id, target)
);
create index recomputations_queued_at on recomputations (queued_at);
