-- name: newest_policy
-- The policy that counts.
select id, version, policy, author, note, restored_from, created_at
from policy_versions order by version desc limit 1;

-- name: newest_policy_id
-- Which policy counts; none where none was ever saved.
select id from policy_versions order by version desc limit 1;

-- name: read_policy_by_id
-- One version of the policy, by its id.
select id, version, policy, author, note, restored_from, created_at from policy_versions where id = $1;

-- name: lock_policy
-- Take the lock under which the next version is made; it ends with the transaction.
select pg_advisory_xact_lock(hashtextextended('licet.policy', 0));

-- name: read_policy
-- One version of the policy.
select id, version, policy, author, note, restored_from, created_at from policy_versions where version = $1;

-- name: list_policies
-- Versions of the policy, newest first, before a cursor ($1).
select id, version, policy, author, note, restored_from, created_at
from policy_versions where ($1::integer is null or version < $1)
order by version desc limit $2;

-- name: insert_policy
-- Keep a new version of the policy.
insert into policy_versions (id, version, policy, author, note, restored_from, created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: count_credentials
-- Credentials of active holders by what rules look at.
select c.type, h.team, h.location, count(*) as credentials
from credentials c join holders h on h.id = c.holder_id
where h.active and not c.voided
group by c.type, h.team, h.location;

-- name: count_waiting
-- Mails about credentials that wait to leave, by what rules look at and by recipient.
select notice.event_name, notice.step, c.type, h.team, h.location, coalesce(n.circle, n.told) as circle,
    n.fixed_address, n.after_days, count(*) as mails
from notifications n
join notices notice using (event_id)
join credentials c on c.id = notice.credential_id
join holders h on h.id = c.holder_id
where n.state in ('pending', 'held')
group by 1, 2, 3, 4, 5, 6, 7, 8;

-- name: read_email
-- The address of a holder.
select email from holders where id = $1;

-- name: policies_with_address
-- Versions of the policy that name an address, given in small letters.
select version, policy from policy_versions
where jsonb_path_exists(policy, '$.**.address') and position($1 in lower(policy::text)) > 0
order by version;

-- name: rewrite_policy
-- Keep a version without the address of somebody who is erased.
update policy_versions set policy = $2, id = $3 where version = $1;

-- name: forget_fixed_address
-- Forget to which fixed address mails went, or would go; given in small letters.
update notifications set fixed_address = null where lower(fixed_address) = $1;
