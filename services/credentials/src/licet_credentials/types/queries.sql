-- name: insert_type
-- Add a credential type; returns nothing if its code is taken.
insert into credential_types (
    code, version, name, category, expires, validity, ladder, renewal_window_days, grace_days, renewal_basis,
    fixed_date, renewal_evidence, number_unique, aliases, retired, created_at, updated_at,
    attributes
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict (code) do nothing returning code;

-- name: update_type
-- Write a changed type; its credentials are worked through later where they repeat what changed.
update credential_types set
    version = $2, name = $3, category = $4, expires = $5, validity = $6, ladder = $7,
    renewal_window_days = $8, grace_days = $9, renewal_basis = $10, fixed_date = $11, renewal_evidence = $12,
    number_unique = $13, aliases = $14, retired = $15, created_at = $16, updated_at = $17,
    attributes = $18, replanning = replanning or $19
where code = $1;

-- name: read_type
-- One credential type.
select * from credential_types where code = $1;

-- name: lock_type
-- One credential type, held until the transaction ends.
select * from credential_types where code = $1 for update;

-- name: read_types
-- Several credential types.
select * from credential_types where code = any($1::text[]);

-- name: list_types
-- A page of credential types by code.
select * from credential_types where ($1::text is null or code > $1) order by code limit $2;

-- name: attribute_in_use
-- Whether some credential of the type has a value of the attribute.
select exists (select 1 from credentials where type = $1 and attributes ? $2);

-- name: claim_replanning
-- A type whose credentials are to be worked through; other instances take others.
select code, version from credential_types where replanning
order by code limit 1 for no key update skip locked;

-- name: finish_replanning
-- Every credential of the type carries its present rules.
update credential_types set replanning = false where code = $1;

-- name: lock_types_after
-- Credential types by code, held until the transaction ends, for a backfill.
select * from credential_types where ($1::text is null or code > $1) order by code limit $2 for update;

-- name: count_replanning
-- How many types have credentials that may carry old rules.
select count(*) from credential_types where replanning;
