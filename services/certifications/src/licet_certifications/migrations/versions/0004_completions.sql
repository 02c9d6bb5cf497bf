-- What learners are matched by, in the form in which it is compared. Holders that were learned before this
-- have none until they are told again (`licet backfill`).
alter table holders
    add column external_key text,
    add column email_key text,
    add column merged_into uuid;
create index holders_external_key on holders (external_key) where external_key is not null;
create index holders_email_key on holders (email_key) where email_key is not null;
create index holders_merged_into on holders (merged_into) where merged_into is not null;

-- Accounts in learning systems of which somebody has said whose they are.
create table learner_accounts (
    account_key text primary key,
    home_page text not null,
    name text not null,
    holder_id uuid not null,
    added_by text not null,
    added_at timestamptz not null
);
create index learner_accounts_holder_id on learner_accounts (holder_id);

-- What learning systems have reported. The id is derived from source and source_id, so that a repetition
-- meets the first. The learner is kept only while nobody knows who it is; `unmatched` says why.
create table completions (
    id uuid primary key,
    source text not null,
    source_id text not null,
    holder_id uuid,
    course text not null,
    completed_at timestamptz not null,
    result text not null,
    credits double precision,
    evidence text[] not null,
    recorded_at timestamptz not null,
    voided_at timestamptz,
    unmatched text check (unmatched in ('unknown', 'ambiguous', 'contradictory', 'dismissed')),
    learner jsonb,
    external_key text,
    email_key text,
    account_key text,
    learner_id uuid,
    check ((holder_id is null) = (unmatched is not null)),
    check (learner is null or holder_id is null)
);
create index completions_holder_id on completions (holder_id) where holder_id is not null;
create index completions_unmatched on completions (unmatched, id) where holder_id is null;
create index completions_external_key on completions (external_key) where holder_id is null;
create index completions_email_key on completions (email_key) where holder_id is null;
create index completions_account_key on completions (account_key) where holder_id is null;
create index completions_learner_id on completions (learner_id) where holder_id is null;

-- Reports under the source and id of a completion that say something else. The id is derived from the
-- completion and the content, so that a repeated conflict is one.
create table completion_conflicts (
    id uuid primary key,
    completion_id uuid not null references completions (id) on delete cascade,
    holder_id uuid,
    report jsonb not null,
    reported_at timestamptz not null,
    decision text check (decision in ('kept', 'replaced')),
    decided_by text,
    decided_at timestamptz
);
create index completion_conflicts_completion_id on completion_conflicts (completion_id);
create index completion_conflicts_holder_id on completion_conflicts (holder_id);

-- Statements as they were sent, with what a store assigns. The digest tells a repetition from another statement.
create table xapi_statements (
    id uuid primary key,
    place bigint generated always as identity,
    stored timestamptz not null,
    document json not null,
    digest bytea not null,
    verb text not null,
    activity text,
    registration uuid,
    agents text[] not null,
    related_agents text[] not null,
    related_activities text[] not null,
    voids uuid,
    voided boolean not null default false
);
create unique index xapi_statements_place on xapi_statements (place);
create index xapi_statements_verb on xapi_statements (verb, place);
create index xapi_statements_activity on xapi_statements (activity, place) where activity is not null;
create index xapi_statements_registration on xapi_statements (registration, place)
    where registration is not null;
create index xapi_statements_stored on xapi_statements (stored);
create index xapi_statements_voids on xapi_statements (voids) where voids is not null;
create index xapi_statements_agents on xapi_statements using gin (agents);
create index xapi_statements_related_agents on xapi_statements using gin (related_agents);
create index xapi_statements_related_activities on xapi_statements using gin (related_activities);
