-- What waits for a person. The owner of the thing opens an item and closes it, in the transaction in which
-- the thing begins or ends to wait; there is at most one open item for each.
create table worklist_items (
    id uuid primary key,
    kind text not null,
    subject text not null,
    holder_id uuid,
    enrolment_id uuid,
    since timestamptz not null,
    needs text not null,
    scope text not null,
    teams text[] not null default '{}',
    locations text[] not null default '{}',
    barred text[] not null default '{}',
    details jsonb not null default '{}',
    closed_at timestamptz,
    decision text,
    decided_by text,
    reason text
);
create unique index worklist_items_open on worklist_items (kind, subject) where closed_at is null;
create index worklist_items_since on worklist_items (since, id) where closed_at is null;
create index worklist_items_kind on worklist_items (kind, since, id) where closed_at is null;
create index worklist_items_holder on worklist_items (holder_id);
create index worklist_items_enrolment on worklist_items (enrolment_id);

-- One row an enrolment. `state` is what events carry, `internals` what only this service needs, such as what
-- people have decided about components; the columns repeat what lists filter by. Holder, programme and credential are told elsewhere and refer to nothing.
create table enrolments (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    programme text not null,
    programme_version integer not null,
    kind text not null,
    stage text not null,
    -- The status as last announced, and what time alone will make of it, in order: status_at() reads both.
    status text not null,
    upcoming_at timestamptz[] not null default '{}',
    upcoming text[] not null default '{}',
    next_change_at timestamptz generated always as (upcoming_at[1]) stored,
    settled_at timestamptz not null,
    reason text,
    -- Whether it is the one that a holder may have in a programme at a time: not yet completed, and not over.
    open boolean not null,
    waits_for text,
    waits_since timestamptz,
    lacking text[] not null default '{}',
    credential_id uuid,
    award_id uuid,
    expires_at timestamptz,
    deadline_at timestamptz,
    window_opens_at timestamptz,
    completed_at timestamptz,
    superseded_by uuid,
    previous_enrolment_id uuid,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    state jsonb not null,
    internals jsonb not null
);
create unique index enrolments_open on enrolments (holder_id, programme) where open;
create index enrolments_holder on enrolments (holder_id, programme, id);
create index enrolments_credential on enrolments (credential_id) where credential_id is not null;
create unique index enrolments_award on enrolments (award_id) where award_id is not null;
create index enrolments_next_change on enrolments (next_change_at) where next_change_at is not null;
create index enrolments_version on enrolments (programme, programme_version, id);

-- Every event of an enrolment with what only this database keeps: the words that a person gave as a reason.
create table enrolment_history (
    enrolment_id uuid not null references enrolments (id) on delete cascade,
    version bigint not null,
    at timestamptz not null,
    event text not null,
    actor text not null,
    from_status text,
    to_status text not null,
    cause text not null,
    reason text,
    note text,
    component text,
    primary key (enrolment_id, version)
);

-- The status at an instant: as last announced, or what time has made of it since.
create function status_at(status text, upcoming_at timestamptz[], upcoming text[], at timestamptz)
returns text language sql immutable parallel safe as
$$ select coalesce(upcoming[width_bucket(at, upcoming_at)], status) $$;
