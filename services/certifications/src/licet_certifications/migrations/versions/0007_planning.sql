-- Changes that were tried and not made: what they would bring, for thirty days. `supposed` is what they come to in
-- facts when the question was asked; whoever has one of `targets` or is one of `named` is examined, in the order of
-- ids, and `after` is the last who was.
create table what_ifs (
    id uuid primary key,
    state text not null check (state in ('running', 'finished', 'failed')),
    changes jsonb not null,
    supposed jsonb not null,
    targets text[] not null,
    named uuid[] not null,
    actor text not null,
    teams text[],
    locations text[],
    after uuid,
    examined integer not null default 0,
    total integer not null,
    detail text,
    created_at timestamptz not null,
    finished_at timestamptz
);
create index what_ifs_running on what_ifs (id) where state = 'running';
create index what_ifs_created_at on what_ifs (created_at);
create index what_ifs_named on what_ifs using gin (named);

-- Holders and targets whose verdict would be worse at some time.
create table what_if_holders (
    what_if_id uuid not null references what_ifs (id) on delete cascade,
    holder_id uuid not null,
    target text not null,
    place text not null,
    at timestamptz not null,
    until timestamptz,
    ineligible_at timestamptz,
    before jsonb,
    after jsonb not null,
    primary key (what_if_id, holder_id, target)
);
create index what_if_holders_holder on what_if_holders (holder_id);

-- Booked shifts whose verdict would be worse, as they were booked then.
create table what_if_shifts (
    what_if_id uuid not null references what_ifs (id) on delete cascade,
    starts_at timestamptz not null,
    shift_id uuid not null,
    holder_id uuid not null,
    platform text not null,
    external_id text not null,
    target text not null,
    place text not null,
    ends_at timestamptz not null,
    before jsonb not null,
    after jsonb not null,
    primary key (what_if_id, starts_at, shift_id)
);
create index what_if_shifts_holder on what_if_shifts (holder_id);

-- Training sessions as a learning system or a person reports them, and what a seat costs where none of them says.
create table training_sessions (
    external_id text primary key,
    version bigint not null,
    programme text not null,
    component text not null,
    location text not null,
    starts_at timestamptz not null,
    seats integer not null check (seats >= 0),
    booked integer not null check (booked >= 0),
    price numeric(12, 2),
    currency text,
    updated_at timestamptz not null,
    check ((price is null) = (currency is null))
);
create index training_sessions_starts_at on training_sessions (starts_at, external_id);

create table training_prices (
    programme text not null,
    component text not null,
    version bigint not null,
    price numeric(12, 2) not null,
    currency text not null,
    updated_at timestamptz not null,
    primary key (programme, component)
);
