-- What the consistency check reads.

-- name: enrolments_after
-- Enrolments after an id ($1), each with the status that lists show at $3 and the credential that it led to.
select e.state, e.internals, status_at(e.status, e.upcoming_at, e.upcoming, $3) as listed, c.facts as credential
from enrolments e left join credentials c on c.id = e.credential_id
where $1::uuid is null or e.id > $1
order by e.id limit $2;
