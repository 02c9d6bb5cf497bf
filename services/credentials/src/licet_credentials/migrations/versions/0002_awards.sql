-- What became of each award of a programme. The primary key is what makes an award take effect once,
-- whatever tells of it: the event, a repetition of it or a snapshot of its enrolment.
create table awards (
    id uuid primary key,
    enrolment_id uuid not null,
    holder_id uuid not null,
    type text not null,
    outcome text not null check (outcome in ('issued', 'renewed', 'refused')),
    reason text,
    detail text,
    -- The credential that was issued or renewed, or that could not be renewed.
    credential_id uuid,
    term_id uuid,
    awarded_at timestamptz not null,
    decided_at timestamptz not null,
    check ((outcome = 'refused') = (reason is not null)),
    check ((outcome <> 'refused') = (term_id is not null))
);
create index awards_holder on awards (holder_id);
create index awards_decided_at on awards (decided_at, id);
create index awards_refused on awards (decided_at, id) where outcome = 'refused';

-- The award that led to a term, in every revision of it.
alter table terms add column award_id uuid;
