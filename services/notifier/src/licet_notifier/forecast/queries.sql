-- What a forecast rests on.

-- name: page_credentials
-- A page of credentials, after an id ($1), of which time may bring a notice on the days $2 to $3, or of which a
-- mail waits.
select c.id from credentials c
where ($1::uuid is null or c.id > $1)
  and (
    c.days && array(select generate_series($2::integer, $3::integer))
    or exists (select from notifications n where n.credential_id = c.id and n.state = 'pending')
    or exists (select from notifications n where n.credential_id = c.id and n.look_again_at is not null)
  )
order by c.id limit $4;

-- name: read_notices
-- What was announced of credentials.
select * from notices where credential_id = any($1::uuid[]);

-- name: read_waiting
-- Mails about credentials that wait for their time, or for the end of a pause.
select n.id, n.told, n.decider_id, n.role, n.circle, n.fixed_address, n.after_days, n.digest_id,
    coalesce(n.look_again_at, n.not_before) as at, n.event_id
from notifications n
where n.credential_id = any($1::uuid[]) and (n.state = 'pending' and not n.silenced or n.look_again_at is not null);

-- name: read_escalated
-- To whom credentials were escalated, with the term.
select n.credential_id, notice.term_id,
    n.circle || ':' || coalesce(n.decider_id::text, n.fixed_address, '') as recipient
from notifications n join notices notice using (event_id)
where n.credential_id = any($1::uuid[]) and n.after_days > 0
  and (n.state in ('sending', 'sent', 'unknown') or (n.state = 'pending' and n.attempts > 0));

-- name: read_begun
-- When mails were begun alone to people, since an instant.
select recipient_id, begun_at from notifications
where begun_at >= $1 and digest_id is null and role <> 'fallback' and recipient_id is not null;
