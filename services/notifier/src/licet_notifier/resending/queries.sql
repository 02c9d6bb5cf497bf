-- Mails that failed, and having them sent again.

-- name: lock_failed
-- Mails that failed, oldest first: in a time ($1, $2), with a status ($3) or a reason ($4), one by its id ($5), of
-- holders in these teams ($6) and locations ($7).
select n.id, n.reason, n.smtp_status
from notifications n
left join holders h on h.id = n.holder_id
where n.state = 'failed'
  and ($1::timestamptz is null or n.updated_at >= $1)
  and ($2::timestamptz is null or n.updated_at < $2)
  and ($3::int is null or n.smtp_status = $3)
  and ($4::text is null or n.reason = $4)
  and ($5::uuid is null or n.id = $5)
  and ($6::text[] is null or h.team = any($6))
  and ($7::text[] is null or h.location = any($7))
order by n.updated_at, n.id
limit $8
for update of n skip locked;

-- name: resend
-- Make mails that failed due again, with all attempts before them. Whether they still say something is looked at
-- when they are begun.
update notifications set
    state = 'pending', reason = 'due', not_before = $2, next_try = $3, uncharged_attempts = attempts,
    resent = resent + 1, stop_id = null, silenced = false, version = version + 1, updated_at = $2
where id = any($1::uuid[]) and state = 'failed';
