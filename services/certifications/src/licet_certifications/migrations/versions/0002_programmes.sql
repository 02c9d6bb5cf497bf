-- Programmes and their versions. A version that was published never changes: enrolments are judged by it.
create table programmes (
    code text primary key,
    version bigint not null,
    name text not null,
    credential_type text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index programmes_code_folded on programmes (lower(code));

create table programme_versions (
    programme text not null references programmes (code),
    number integer not null,
    version bigint not null,
    state text not null check (state in ('draft', 'published', 'retired')),
    definition text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    published_at timestamptz,
    retired_at timestamptz,
    primary key (programme, number)
);

-- Which components a course of a learning system counts for. Only of versions that were published: nobody
-- is enrolled in a draft.
create table component_sources (
    source text not null,
    id text not null,
    programme text not null,
    number integer not null,
    recertification boolean not null,
    component text not null,
    primary key (source, id, programme, number, recertification),
    foreign key (programme, number) references programme_versions (programme, number)
);

-- What programmes need to know of a credential type.
alter table credential_types
    add column retired boolean not null default false,
    add column expires boolean not null default true,
    add column validity jsonb;
