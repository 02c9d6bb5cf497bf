-- What other services say, the newest version of each, and only what time needs to know: no names.
-- Nothing refers to anything: topics have no order among each other.
create table holders (
    id uuid primary key,
    version bigint not null,
    active boolean not null,
    team text,
    location text
);

create table credentials (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    -- Every instant of all its runs, reckoned when the state arrived.
    plan json not null
);
create index credentials_holder_id on credentials (holder_id);

-- One row per credential; narrow, because it is all that is read and rewritten to find what is due.
create table timers (
    credential_id uuid primary key,
    due_at timestamptz
);
create index timers_due_at on timers (due_at) where due_at is not null;

-- What became of each instant. Rows are never changed: they are the proof. A step that was passed over
-- while its holder was inactive may be announced later, hence the outcome in the key.
create table decisions (
    number bigint generated always as identity,
    credential_id uuid not null,
    id uuid not null,
    outcome text not null check (outcome in ('announced', 'passed_over')),
    reason text,
    kind text not null,
    term_id uuid,
    term_revision integer not null,
    step integer,
    at timestamptz not null,
    credential_version bigint not null,
    decided_at timestamptz not null,
    recorded_at timestamptz not null,
    correlation_id uuid not null,
    -- What was published, as it was; with the columns above it gives the same record again.
    event json,
    primary key (credential_id, id, outcome),
    check ((outcome = 'announced') = (event is not null)),
    check ((outcome = 'passed_over') = (reason is not null))
);
create index decisions_announced on decisions (recorded_at, number) where event is not null;
