-- Rules by which audits are opened; `problem` says why the last period has none.
create table audit_schedules (
    id uuid primary key,
    version bigint not null,
    made_by text not null,
    state jsonb not null,
    problem text
);
