-- Actions on many: enrolling holders, or moving enrolments to another version. The rows are taken in with the job
-- and worked off one by one.
create table enrolment_jobs (
    id uuid primary key,
    kind text not null check (kind in ('enrol', 'migrate')),
    state text not null check (state in ('running', 'finished', 'cancelled')),
    request jsonb not null,
    dry_run boolean not null,
    actor text not null,
    scopes text[] not null,
    teams text[],
    locations text[],
    total integer not null default 0,
    created_at timestamptz not null,
    finished_at timestamptz
);
create index enrolment_jobs_running on enrolment_jobs (id) where state = 'running';

create table enrolment_job_rows (
    job_id uuid not null references enrolment_jobs (id),
    ordinal integer not null,
    holder_id uuid,
    programme text,
    enrolment_id uuid,
    outcome text,
    detail text,
    status text,
    complete boolean,
    missing text[] not null default '{}',
    primary key (job_id, ordinal)
);
create index enrolment_job_rows_waiting on enrolment_job_rows (job_id, ordinal) where outcome is null;
create index enrolment_job_rows_holder on enrolment_job_rows (holder_id);

-- Versions whose rules of entry are new: whoever has what they name already is noted in `entry_gains`, page by
-- page, after the commit.
create table entry_publications (
    programme text not null,
    number integer not null,
    triggers text[] not null,
    after uuid,
    primary key (programme, number),
    foreign key (programme, number) references programme_versions (programme, number)
);
