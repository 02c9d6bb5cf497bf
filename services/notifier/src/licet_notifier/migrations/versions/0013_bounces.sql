-- What delivery status notifications said about addresses. An address that bounced hard is not used again.
create table bounces (
    id uuid primary key,
    address text not null, -- in lower case
    hard boolean not null,
    action text not null,
    status text not null,
    diagnostic text,
    notification_id uuid,
    reported_at timestamptz not null -- business time
);
create unique index bounces_once on bounces (
    address, status, coalesce(notification_id, '00000000-0000-0000-0000-000000000000')
);
create index bounces_hard on bounces (address) where hard;
create index bounces_newest on bounces (reported_at, id);
create index bounces_of_notification on bounces (notification_id) where notification_id is not null;
create index holders_address on holders (lower(email));
create index places_address on places (lower(fallback_email));
