-- Finding enrolments among many, and what certificates and entry by rule need. Holders and credentials that
-- were learned before this have neither name nor number until they are told again (`licet backfill`).
create extension if not exists pg_trgm;

alter table holders add column name text;
alter table credentials add column number text;
create index holders_words on holders using gin (name gin_trgm_ops, external_key gin_trgm_ops);
create index holders_team on holders (team);
create index holders_location on holders (location);

create index enrolments_status on enrolments (status, id);
create index enrolments_programme on enrolments (programme, id);
create index enrolments_lacking on enrolments using gin (lacking);
create index enrolments_expires_at on enrolments (coalesce(expires_at, 'infinity'), id);
create index enrolments_completed_at on enrolments (coalesce(completed_at, 'infinity'), id);
create index enrolments_waits_since on enrolments (waits_since, id) where waits_since is not null;

-- Filters that somebody has given a name.
create table saved_filters (
    id uuid primary key,
    owner text not null,
    name text not null,
    shared boolean not null,
    filter jsonb not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index saved_filters_name on saved_filters (owner, lower(name));
create index saved_filters_shared on saved_filters (lower(name), id) where shared;

-- What holders have gained of late: a role, a queue or a credential type. Kept until it is known, after the
-- commit, which programmes enrol by it: a rule that is published at the same time is not seen before.
create table entry_gains (
    holder_id uuid not null,
    trigger text not null,
    queued_at timestamptz not null default clock_timestamp(),
    correlation_id text not null,
    causation_id text,
    traceparent text,
    primary key (holder_id, trigger)
);
create index entry_gains_queued_at on entry_gains (queued_at);
