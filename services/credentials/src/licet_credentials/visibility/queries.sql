-- name: find_places
-- Team and location of holders by id, by id of a credential, or by external id. A merged record also has those of the
-- survivor.
select named.id, named.external_id, h.team, h.location
from (
    select id, null as external_id, id as holder_id, merged_into from holders where id = any($1::uuid[])
    union all
    select c.id, null, c.holder_id, null from credentials c where c.id = any($2::uuid[])
    union all
    select null, external_id, id, merged_into from holders where external_id = any($3::text[])
) named
join holders h on h.id in (named.holder_id, named.merged_into);

-- name: hold_places
-- The same, with the holders locked by id until the transaction ends.
select named.id, named.external_id, h.team, h.location
from (
    select id, null as external_id, id as holder_id, merged_into from holders where id = any($1::uuid[])
    union all
    select c.id, null, c.holder_id, null from credentials c where c.id = any($2::uuid[])
    union all
    select null, external_id, id, merged_into from holders where external_id = any($3::text[])
) named
join holders h on h.id in (named.holder_id, named.merged_into)
order by h.id for no key update of h;
