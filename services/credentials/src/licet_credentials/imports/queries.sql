-- name: insert_import
-- Take in a file with its mapping; it is worked off later.
insert into imports (
    id, state, mapping_name, mapping, dry_run, file_name, content, actor, done_batches, counts, types_created,
    created_at, updated_at
)
values ($1, 'queued', $2, $3, $4, $5, $6, $7, 0, '{}', '{}', $8, $8);

-- name: read_import
-- One import, without its file.
select id, state, mapping_name, dry_run, file_name, total_rows, total_batches, done_batches, counts,
    types_created, problem, created_at, updated_at, finished_at
from imports where id = $1;

-- name: next_import
-- The oldest import that is not finished.
select id, actor from imports where state in ('queued', 'running') order by id limit 1;

-- name: claim_import
-- Hold an import while one batch of it is worked off; another instance takes none of it meanwhile.
select id, mapping, dry_run, content, done_batches, counts, types_created from imports
where id = $1 and state in ('queued', 'running') for update skip locked;

-- name: keep_progress
-- Note how far an import has come.
update imports set state = 'running', total_rows = $2, total_batches = $3, done_batches = $4, counts = $5,
    types_created = $6, updated_at = $7
where id = $1;

-- name: finish_import
-- An import is worked off, or can't be; its file is not needed any more.
update imports set state = $2, problem = $3, content = null, updated_at = $4, finished_at = $4 where id = $1;

-- name: insert_rows
-- What became of the rows of a batch.
insert into import_rows (import_id, line, outcome, credential_id, errors)
select $1, line, outcome, credential_id, errors
from jsonb_to_recordset($2::jsonb) as r (line integer, outcome text, credential_id uuid, errors jsonb);

-- name: list_rows
-- A page of what became of an import's rows.
select line, outcome, credential_id, errors from import_rows
where import_id = $1 and line > $2 and ($3::text is null or outcome = $3) order by line limit $4;

-- name: count_open
-- How many imports are not finished.
select count(*) from imports where state in ('queued', 'running');

-- name: taken_numbers
-- Which of these numbers other credentials have within their scope.
select wanted.type, wanted.scope, wanted.number, c.id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (type, scope, number)
join credentials c on c.type = wanted.type and c.number_scope = wanted.scope and c.number = wanted.number
where not c.voided;
