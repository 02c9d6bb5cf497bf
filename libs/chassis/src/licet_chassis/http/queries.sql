-- name: claim_key
-- Take the key of a request for the length of this transaction; false while another has it.
select pg_try_advisory_xact_lock($1);

-- name: read_answer
-- The answer that was given under a key. To be read after `claim_key`, in a statement of its own: a
-- snapshot from before the lock would not see what the last holder of the lock committed.
select request_hash, status, headers, body from idempotency where principal = $1 and key = $2;

-- name: keep_answer
-- Keep the answer that this transaction's commit makes true.
insert into idempotency (principal, key, request_hash, status, headers, body, created_at)
values ($1, $2, $3, $4, $5::jsonb, $6, $7);

-- name: forget_answers
-- Remove some of the answers from before an instant; how many tells whether there may be more.
delete from idempotency
where (principal, key) in (
    select principal, key from idempotency where created_at < $1 order by created_at limit $2
    for update skip locked
);
