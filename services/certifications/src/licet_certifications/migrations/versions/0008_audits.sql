-- Audits as they are, and their signed results.
create table audits (
    id uuid primary key,
    version bigint not null,
    opened_by text not null,
    closed_by text,
    incomplete_reason text,
    state jsonb not null,
    result text
);
create index audits_open on audits (id) where result is null;

-- The credentials of each audit, as they were when it was opened, and what people attested.
create table audit_items (
    id uuid primary key,
    audit_id uuid not null references audits (id),
    credential_id uuid not null,
    credential_version bigint not null,
    holder_id uuid not null,
    type text not null,
    reassigned boolean not null,
    outcome text check (outcome in ('confirmed', 'corrected', 'not_verifiable')),
    note text,
    attested_by text,
    attested_at timestamptz,
    attested_version bigint
);
create unique index audit_items_credential on audit_items (audit_id, credential_id);
create index audit_items_page on audit_items (audit_id, reassigned desc, id);
create index audit_items_last on audit_items (credential_id, attested_at);
create index audit_items_holder on audit_items (holder_id);

-- Public halves of the keys that results were signed with: a result stays verifiable when the key has changed.
-- The private half is here only of a key that was made here, because the deployment has set none.
create table audit_keys (
    kid text primary key,
    jwk jsonb not null,
    private_pem text
);

-- When a holder's roles, queues or location last changed, and a credential's record: an audit begins with
-- people whose work changed and whose records did not.
alter table holders add column reassigned_at timestamptz;
alter table credentials add column changed_at timestamptz;
