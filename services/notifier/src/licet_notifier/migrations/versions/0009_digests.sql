-- The digest in which a mail is told; null where it leaves alone. A process of the release before sends it alone.
alter table notifications add column digest_id uuid;
create index notifications_digests on notifications (not_before, digest_id)
    where state = 'pending' and digest_id is not null;

-- When a mail was begun first (business time): a day's mails to one person are counted.
alter table notifications add column begun_at timestamptz;
create index notifications_begun on notifications (recipient_id, begun_at) where begun_at is not null;
