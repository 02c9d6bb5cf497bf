-- The rules on when mails may leave: one row, once somebody has set them.
create table restraint (
    only_row boolean primary key default true check (only_row),
    rules jsonb not null,
    version integer not null,
    note text,
    set_by text not null,
    updated_at timestamptz not null
);

-- Orders to hold mails, also those that have ended.
create table stops (
    id uuid primary key,
    event text,
    type text,
    team text,
    reason text not null,
    stopped_by text not null,
    since timestamptz not null,
    ended_at timestamptz,
    ended_by text,
    held text check (held in ('release', 'drop'))
);
create index stops_in_force on stops (since, id) where ended_at is null;

-- A held mail waits for the end of its stop. A process of the release before takes none of them, since it looks
-- for pending ones only.
alter table notifications drop constraint notifications_state_check;
alter table notifications add constraint notifications_state_check
    check (state in ('pending', 'held', 'sending', 'sent', 'skipped', 'failed', 'unknown'));
alter table notifications add column stop_id uuid;
alter table notifications add column silenced boolean not null default false;
create index notifications_held on notifications (stop_id) where state = 'held';

alter table shift_digests drop constraint shift_digests_state_check;
alter table shift_digests add constraint shift_digests_state_check
    check (state in ('pending', 'held', 'sending', 'sent', 'skipped', 'failed', 'unknown'));
alter table shift_digests add column stop_id uuid;
alter table shift_digests add column silenced boolean not null default false;
create index shift_digests_held on shift_digests (stop_id) where state = 'held';

-- Whose public holidays count; learned with the next state of each location.
alter table places add column country text;
alter table places add column subdivision text;
