-- Copies of enrolments and of the names of programmes, kept from events and guarded by version.
create table enrolments (
    id uuid primary key,
    version bigint not null,
    holder_id uuid not null,
    state jsonb not null
);
create index enrolments_of_holder on enrolments (holder_id);

create table programmes (
    code text primary key,
    version bigint not null,
    name text not null
);

-- Events of enrolments for which somebody may be notified. They are apart from `notices`, so that a process of
-- the release before, which knows credentials only, takes none of their mails during a rollout.
create table enrolment_notices (
    event_id uuid primary key,
    event_name text not null,
    mail text not null,
    enrolment_id uuid not null,
    enrolment_version bigint not null,
    holder_id uuid not null,
    at timestamptz not null,
    step integer,
    renewal jsonb,
    correlation_id text not null,
    traceparent text
);
create index enrolment_notices_of_enrolment on enrolment_notices (enrolment_id, mail, at);
create index enrolment_notices_of_holder on enrolment_notices (holder_id);

-- A decision is about a notice of a credential or one of an enrolment.
alter table notifications drop constraint notifications_event_id_fkey;
alter table notifications alter column credential_id drop not null;
alter table notifications add column enrolment_id uuid;
-- The supervisor who is told of an application; null for all other recipients.
alter table notifications add column decider_id uuid;
alter table notifications add constraint notifications_subject
    check (num_nonnulls(credential_id, enrolment_id) = 1) not valid;
create index notifications_of_enrolment on notifications (enrolment_id, created_at, id)
    where enrolment_id is not null;
