-- Who supervises a team. Teams that were learned before this have nobody until they are told again
-- (`licet backfill`); their fallback address is told until then.
alter table places add column supervisor_ids uuid[] not null default '{}';

-- Booked shifts that were at risk, as certifications tells of them. `due_at` (business time): when supervisors are
-- to be told; null where they have been, or where there is nothing to tell.
create table shift_risks (
    shift_id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    at_risk boolean not null,
    starts_at timestamptz not null,
    state jsonb not null,
    due_at timestamptz
);
create index shift_risks_due on shift_risks (due_at) where due_at is not null;
create index shift_risks_of_holder on shift_risks (holder_id);

-- Every mail to a supervisor, or to a fallback address in place of one, sent or not, with the reason.
create table shift_digests (
    id uuid primary key,
    team text,
    role text not null,
    recipient_id uuid,
    address text,
    time_zone text not null,
    urgent boolean not null,
    state text not null check (state in ('pending', 'sending', 'sent', 'skipped', 'failed', 'unknown')),
    reason text not null,
    attempts integer not null default 0,
    unknown_attempts integer not null default 0,
    next_try timestamptz not null, -- machine time, as is the lease
    lease_until timestamptz,
    smtp_status smallint,
    message_id text,
    template_version text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index shift_digests_open on shift_digests (next_try) where state in ('pending', 'sending');
create index shift_digests_newest on shift_digests (created_at, id);
create index shift_digests_of_recipient on shift_digests (recipient_id);

create table shift_digest_items (
    digest_id uuid not null references shift_digests (id) on delete cascade,
    shift_id uuid not null,
    version bigint not null,
    holder_id uuid not null,
    primary key (digest_id, shift_id)
);
create index shift_digest_items_of_holder on shift_digest_items (holder_id);
