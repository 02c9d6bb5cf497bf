-- name: find_places
-- Team and location of those whom a request names: by their ids, those of their credentials, or the ids that
-- another system has for them.
select named.id, named.external_id, h.team, h.location
from (
    select id, null as external_id, id as holder_id from holders where id = any($1::uuid[])
    union all
    select id, null, holder_id from credentials where id = any($2::uuid[])
    union all
    select null, external_id, id from holders where external_id = any($3::text[])
) named
join holders h on h.id = named.holder_id;

-- name: hold_places
-- The same, held until the transaction ends, in one order.
select named.id, named.external_id, h.team, h.location
from (
    select id, null as external_id, id as holder_id from holders where id = any($1::uuid[])
    union all
    select id, null, holder_id from credentials where id = any($2::uuid[])
    union all
    select null, external_id, id from holders where external_id = any($3::text[])
) named
join holders h on h.id = named.holder_id
order by h.id for no key update of h;
