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
    unmatched text check (unmatched in ('unknown', 'ambiguous', 'contradictory')),
    learner jsonb,
    external_key text,
    email_key text,
    account_key text,
    learner_id uuid,
    check ((holder_id is null) = (unmatched is not null and learner is not null))
);
create index completions_holder_id on completions (holder_id) where holder_id is not null;
create index completions_unmatched on completions (id) where holder_id is null;
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
