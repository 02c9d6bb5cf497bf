-- Rules by which periods begin.
create table schedules (
    name text primary key,
    kind text not null,
    rule text not null,
    time_zone text not null,
    starts_on date not null,
    next_at timestamptz,
    last_at timestamptz,
    version integer not null,
    updated_at timestamptz not null
);
create index schedules_due on schedules (next_at) where next_at is not null;

-- When the last heartbeat was taken, by machine time: one row, so that instances take turns.
create table heartbeats (
    only_row boolean primary key default true check (only_row),
    beaten_at timestamptz not null
);
