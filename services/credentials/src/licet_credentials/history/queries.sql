-- name: read_terms
-- Every revision of a credential's terms, in the order in which they were entered.
select * from terms where credential_id = $1 order by recorded_at, id, revision;

-- name: read_history
-- What happened to a credential, oldest first, a page at a time.
select * from credential_history where credential_id = $1 and version > $2 order by version limit $3;
