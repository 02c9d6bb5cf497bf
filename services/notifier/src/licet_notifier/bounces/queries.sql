-- name: addresses_of
-- The stored addresses that a report may mean: its own (the array $1) where somebody here has it, and that of
-- whoever got the notification $2.
select distinct lower(email) as address, lower(email) = any($1::text[]) as named
from holders
where lower(email) = any($1::text[])
   or id = (select recipient_id from notifications where id = $2)
union
select distinct lower(fallback_email), true from places where lower(fallback_email) = any($1::text[]);

-- name: knows_notification
-- Whether a notification is one of ours.
select exists (select from notifications where id = $1);

-- name: insert_bounce
-- Keep a bounce; the same report again changes nothing.
insert into bounces (id, address, hard, action, status, diagnostic, notification_id, reported_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (address, status, coalesce(notification_id, '00000000-0000-0000-0000-000000000000')) do nothing;

-- template: list_bounces
-- Bounces, the newest first.
select * from bounces
where true
  and hard = :hard --if hard
  and notification_id = :notification_id --if notification_id
  and (reported_at, id) < (:after, :after_id) --if after
order by reported_at desc, id desc
limit :limit;

-- name: delete_bounce
-- Forget a bounce, so that the address is used again.
delete from bounces where id = $1 returning id;

-- name: forget_holder
-- Delete what bounced of a holder; the holder itself and the decisions about it are still there.
delete from bounces
where address in (select lower(email) from holders where id = $1)
   or notification_id in (select id from notifications where recipient_id = $1 or holder_id = $1);
