-- name: newest_ids
-- The newest version of each event's template.
select distinct on (event) id from template_versions order by event, version desc;

-- name: read_by_ids
-- Versions of templates.
select event, version, variants, author, note, restored_from, created_at
from template_versions where id = any($1::uuid[]);

-- name: lock_event
-- Take the lock under which an event's next version is made; it ends with the transaction.
select pg_advisory_xact_lock(hashtextextended('licet.template:' || $1, 0));

-- name: newest_version
-- The newest version of one event.
select event, version, variants, author, note, restored_from, created_at
from template_versions where event = $1 order by version desc limit 1;

-- name: read_version
-- One version of one event.
select event, version, variants, author, note, restored_from, created_at
from template_versions where event = $1 and version = $2;

-- name: list_versions
-- Versions of one event, newest first, before a cursor ($2).
select event, version, variants, author, note, restored_from, created_at
from template_versions where event = $1 and ($2::integer is null or version < $2)
order by version desc limit $3;

-- name: insert_version
-- Keep a new version of an event's template.
insert into template_versions (id, event, version, variants, author, note, restored_from, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);
