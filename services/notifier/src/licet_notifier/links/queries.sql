-- What was said by links in mails.

-- name: read_notification
-- The notification of a link, with what its page shows.
select n.id, n.holder_id, n.credential_id, n.recipient_id, n.role, n.circle, n.told, n.decider_id, n.fixed_address,
    notice.term_id, notice.expires_on, notice.time_zone, c.name, c.type, t.name as type_name, h.name as holder_name
from notifications n
join notices notice using (event_id)
join credentials c on c.id = n.credential_id
join holders h on h.id = c.holder_id
left join credential_types t on t.code = c.type
where n.id = $1;

-- name: lock_credential
-- Keep mails about a credential from beginning until the transaction ends.
select runs, voided from credentials where id = $1 for update;

-- name: is_used
-- Whether a link was used before.
select exists (select from acknowledgements where notification_id = $1 and kind = $2);

-- name: insert_acknowledgement
-- Note what was said by a link; a link works once. Returns whether it had not been used.
insert into acknowledgements (
    id, kind, notification_id, credential_id, term_id, holder_id, recipient, by_id, by_role, booked_on, until,
    created_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (notification_id, kind) do nothing
returning true;

-- name: list_acknowledgements
-- What was said, newest first, a page at a time: of a credential ($1), of holders in these teams ($2) and locations
-- ($3), before a cursor ($4, $5).
select a.* from acknowledgements a left join holders h on h.id = a.holder_id
where ($1::uuid is null or a.credential_id = $1)
  and ($2::text[] is null or h.team = any($2))
  and ($3::text[] is null or h.location = any($3))
  and ($4::timestamptz is null or (a.created_at, a.id) < ($4, $5::uuid))
order by a.created_at desc, a.id desc limit $6;

-- name: forget_holder
-- Delete what was said about a holder's credentials, and who said it where it was the holder.
with about as (
    delete from acknowledgements
    where holder_id = $1 or credential_id in (select id from credentials where holder_id = $1)
)
update acknowledgements set by_id = null where by_id = $1 and holder_id <> $1;
