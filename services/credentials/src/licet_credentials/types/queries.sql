-- name: insert_type
-- Add a credential type; returns nothing if the code is taken.
insert into credential_types (
    code, version, name, category, expires, validity, ladder, renewal_window_days, grace_days, renewal_basis,
    fixed_date, renewal_evidence, number_unique, aliases, retired, created_at, updated_at,
    attributes, late_renewal, late_renewal_days, month_end, birth_anchor, age_bands, expires_at_rule,
    expires_at_time, end_of_month, number_comparison
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $25, $26, $27
)
on conflict (code) do nothing returning code;

-- name: update_type
-- Write a changed type.
update credential_types set
    version = $2, name = $3, category = $4, expires = $5, validity = $6, ladder = $7,
    renewal_window_days = $8, grace_days = $9, renewal_basis = $10, fixed_date = $11, renewal_evidence = $12,
    number_unique = $13, aliases = $14, retired = $15, created_at = $16, updated_at = $17,
    attributes = $18, late_renewal = $19, late_renewal_days = $20, month_end = $21, birth_anchor = $22,
    age_bands = $23, expires_at_rule = $24, expires_at_time = $25, end_of_month = $26,
    number_comparison = $27
where code = $1;

-- name: hold_names
-- Keep others from giving names to types until the transaction ends: names differ in more than case.
select pg_advisory_xact_lock(hashtextextended('licet.type-names', 0));

-- name: drop_names
-- Drop the names of a type that are not among these.
delete from credential_type_names where type = $1 and name <> all($2::text[]);

-- name: take_names
-- Give a type these names, except those that other types have.
insert into credential_type_names (name, type) select unnest($2::text[]), $1 on conflict (name) do nothing;

-- name: names_of_others
-- The names that other types have, in whatever case.
select name, type from credential_type_names
where lower(name) = any(array(select lower(given) from unnest($2::text[]) as given)) and type <> $1 order by name;

-- name: queue_replanning
-- Queue the replanning of a type; one that is under way starts to count again.
insert into replannings (type, since, done) values ($1, $2, 0)
on conflict (type) do update set since = excluded.since, done = 0;

-- name: read_type
-- A credential type by code or alias, in whatever case; as it is spelled, if several differ in case alone.
select * from credential_types where code = (
    select n.type from credential_type_names n where lower(n.name) = lower($1) order by n.name = $1 desc limit 1
);

-- name: lock_type
-- A credential type by code or alias, locked until the transaction ends against recording and changes.
select * from credential_types where code = (
    select n.type from credential_type_names n where lower(n.name) = lower($1) order by n.name = $1 desc limit 1
)
for update;

-- name: hold_types
-- Credential types by code or alias, locked for share until the transaction ends.
select asked.name as asked, t.* from unnest($1::text[]) as asked (name)
join credential_types t on t.code = (
    select n.type from credential_type_names n where lower(n.name) = lower(asked.name) order by n.name = asked.name desc limit 1
)
order by t.code for share of t;

-- name: list_types
-- A page of credential types by code.
select * from credential_types
where ($1::text is null or code > $1) and ($2::boolean is null or retired = $2)
  and ($3::text is null or category = $3)
order by code limit $4;

-- name: attribute_in_use
-- Whether some credential of the type has a value of the attribute.
select exists (select 1 from credentials where type = $1 and attributes ? $2);

-- name: claim_replanning
-- Claim a type to replan, with its version; other instances skip it.
select r.type, t.version from replannings r join credential_types t on t.code = r.type
order by r.since, r.type limit 1 for update of r skip locked;

-- name: note_replanned
-- Add to the count of replanned credentials.
update replannings set done = done + $2 where type = $1;

-- name: finish_replanning
-- End the replanning of a type if no credential has older rules; returns the type.
delete from replannings r
where r.type = $1 and not exists (select 1 from credentials where type = $1 and type_version < $2)
returning r.type;

-- name: read_replanning
-- Progress of the replanning of a type.
select r.since, r.done,
    (select count(*) from credentials c where c.type = r.type and c.type_version < t.version) as remaining
from replannings r join credential_types t on t.code = r.type where r.type = $1;

-- name: lock_types_after
-- Credential types by code, locked until the transaction ends, for a backfill.
select * from credential_types where ($1::text is null or code > $1) order by code limit $2 for update;

-- name: count_replanning
-- Number of types to replan.
select count(*) from replannings;
