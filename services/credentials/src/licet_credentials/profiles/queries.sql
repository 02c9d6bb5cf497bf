-- name: list_credential_ids
-- Ids of a holder's credentials in the order of entry, without voided ones, a bounded number.
select id from credentials where holder_id = $1 and not voided order by id limit $2;
