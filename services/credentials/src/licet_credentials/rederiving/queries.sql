-- name: lock_page
-- Credentials that are not voided, in the order of their ids, locked, each with the stored instants from which its
-- runs are expiring.
select c.id, array(select r.expiring_at from runs r where r.credential_id = c.id and r.starts_at is not null
    order by r.ordinal) as expiring
from credentials c
where not c.voided and ($1::uuid is null or c.id > $1)
order by c.id
limit $2
for update of c;

-- name: count_after
-- How many of them come after an id.
select count(*) from credentials where not voided and ($1::uuid is null or id > $1);
