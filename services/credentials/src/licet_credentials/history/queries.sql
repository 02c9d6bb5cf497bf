-- name: read_terms
-- Every revision of a credential's terms, in the order in which they were entered.
select * from terms where credential_id = $1 order by recorded_at, id, revision;

-- name: read_history
-- What happened to a credential, oldest first, a page at a time.
select * from credential_history where credential_id = $1 and version > $2 order by version limit $3;

-- name: known_of_holder
-- The credentials that at $2 were known to be of the holder $1, with the terms and flags believed then. Left
-- out is what is of somebody today who is not of the teams $5 and at the locations $6, where these are given.
select c.id, was.type, c.name, c.number, c.ladder,
    (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from terms x
     where x.credential_id = c.id and x.known_from <= $2 and (x.known_until is null or $2 < x.known_until)
    ) as terms,
    (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from flags x
     where x.credential_id = c.id and x.known_from <= $2 and (x.known_until is null or $2 < x.known_until)
    ) as flags,
    (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at, x.id), '[]') from images x
     where x.credential_id = c.id) as images
from (select distinct credential_id from credential_history where holder_id = $1) as ever
join credentials c on c.id = ever.credential_id
join holders h on h.id = c.holder_id
join lateral (
    select holder_id, type from credential_history
    where credential_id = c.id and at <= $2 order by version desc limit 1
) as was on was.holder_id = $1
where ($3::uuid is null or c.id > $3)
  and ($5::text[] is null or h.team = any($5))
  and ($6::text[] is null or h.location = any($6))
  and not exists (
    select from credential_history
    where credential_id = c.id and event_type = 'licet.credential.voided.v1' and at <= $2
  )
order by c.id limit $4;
