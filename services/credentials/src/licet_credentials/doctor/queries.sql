-- name: ids_after
-- Credentials that are not voided, in the order of their ids.
select id from credentials where not voided and ($1::uuid is null or id > $1) order by id limit $2;
