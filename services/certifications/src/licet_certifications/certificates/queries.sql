-- What certificates say beside their enrolments.

-- name: read_names
-- What the holder and the programme of an enrolment are called ($1, $2), and the credential $3 with its facts.
select
    (select h.name from holders h where h.id = $1) as holder_name,
    (select p.name from programmes p where p.code = $2) as programme_name,
    c.number, c.facts
from (select $3::uuid as id) as wanted
left join credentials c on c.id = wanted.id;
