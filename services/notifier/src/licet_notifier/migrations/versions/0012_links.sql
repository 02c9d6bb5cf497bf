-- What recipients have said by links in their mails. A link works once.
create table acknowledgements (
    id uuid primary key,
    kind text not null,
    notification_id uuid not null,
    credential_id uuid not null,
    term_id uuid,
    holder_id uuid not null,
    recipient text, -- whose reminders rest; null: everybody's
    by_id uuid,
    by_role text not null,
    booked_on date,
    until timestamptz not null,
    created_at timestamptz not null,
    unique (notification_id, kind)
);
create index acknowledgements_of_credential on acknowledgements (credential_id);
create index acknowledgements_of_holder on acknowledgements (holder_id);
create index acknowledgements_by on acknowledgements (by_id) where by_id is not null;
create index acknowledgements_newest on acknowledgements (created_at, id);
