-- name: insert_import
-- Queue an import.
insert into imports (
    id, state, mapping_name, mapping, dry_run, file_name, file_size, encoding, delimiter, skipped_lines, typed,
    warnings, actor, created_at, updated_at
)
values ($1, 'queued', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13);

-- name: insert_chunk
-- Write a chunk of the file.
insert into import_chunks (import_id, ordinal, content) values ($1, $2, $3);

-- name: read_chunk
-- A chunk of the file.
select content from import_chunks where import_id = $1 and ordinal = $2;

-- name: read_import
-- One import.
select id, state, mapping_name, dry_run, file_name, file_size, encoding, delimiter, skipped_lines, warnings,
    total_rows, done_rows, counts, types_created, undo_counts, problem, created_at, updated_at, finished_at
from imports where id = $1;

-- name: list_imports
-- A page of imports, the latest first.
select id, state, mapping_name, dry_run, file_name, file_size, encoding, delimiter, skipped_lines, warnings,
    total_rows, done_rows, counts, types_created, undo_counts, problem, created_at, updated_at, finished_at
from imports where ($1::uuid is null or id < $1) and ($2::text is null or state = $2)
order by id desc limit $3;

-- name: list_open_imports
-- Open imports, the oldest first.
select id, coalesce(undone_by, actor) as actor from imports
where state in ('queued', 'running', 'cancelling', 'undoing') order by id limit 10;

-- name: claim_import
-- Keep other instances from working on an import until the transaction ends. Reading and cancelling don't wait.
select pg_try_advisory_xact_lock(hashtextextended('licet.import/' || $1::uuid, 0));

-- name: lock_open_imports
-- Wait until no instance works on an import, and keep all from starting until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.import/' || open.id, 0))
from (
    select id from imports where state in ('queued', 'running', 'cancelling', 'undoing') order by id
) as open;

-- name: read_work
-- An open import with its cursors.
select id, state, mapping, dry_run, encoding, delimiter, skipped_lines, typed, cursor_key, total_rows, done_rows, counts,
    types_created, undo_step, undo_after, undo_counts, date_formats
from imports where id = $1 and state in ('queued', 'running', 'cancelling', 'undoing');

-- name: read_state
-- The committed state of an import.
select state from imports where id = $1;

-- name: start_running
-- All rows are staged: run, unless the import is being cancelled.
update imports set state = 'running', total_rows = $2, done_rows = $3, counts = $4, updated_at = $5
where id = $1 and state = 'queued' returning id;

-- name: save_findings
-- Save what all rows of the file told: the order of date formats, and further warnings.
update imports set date_formats = $2, warnings = warnings || $3::text[] where id = $1;

-- name: save_progress
-- Save cursor and counts of an import.
update imports set cursor_key = $2, done_rows = $3, counts = $4, types_created = $5, updated_at = $6
where id = $1;

-- name: save_undo_progress
-- Save cursor and counts of an undo.
update imports set undo_step = $2, undo_after = $3, undo_counts = $4, updated_at = $5 where id = $1;

-- name: finish_import
-- End an import: finished, failed, cancelled or undone.
update imports set state = $2, problem = $3, updated_at = $4, finished_at = $4 where id = $1;

-- name: drop_chunks
-- Drop the file.
delete from import_chunks where import_id = $1;

-- name: drop_staged
-- Drop the staged rows.
delete from import_staged where import_id = $1;

-- name: drop_numbers
-- Drop the numbers that a dry run planned.
delete from import_numbers where import_id = $1;

-- name: drop_managers
-- Drop the managers that a dry run planned.
delete from import_managers where import_id = $1;

-- name: change_state
-- Change the state of an import if it is one of $5.
update imports set state = $2, undone_by = coalesce($3, undone_by), finished_at = null, updated_at = $4
where id = $1 and state = any($5::text[]) returning id;

-- name: read_staged_rows
-- The next staged rows of an import, holder by holder.
select holder_key, line, cells from import_staged
where import_id = $1 and ($2::text is null or holder_key > $2)
order by holder_key, line limit $3;

-- name: read_staged_rows_of
-- Staged rows of one holder.
select holder_key, line, cells from import_staged
where import_id = $1 and holder_key = $2 order by line limit $3;

-- name: reject_staged_rows_of
-- Reject all staged rows of one holder with one error.
insert into import_rows (import_id, line, outcome, holder_key, errors)
select import_id, line, 'rejected', holder_key, $3::jsonb from import_staged
where import_id = $1 and holder_key = $2;

-- name: read_report
-- A page of the report. `undo` is about what the row itself did: on an existing credential only added terms are
-- withdrawn.
select r.line, r.outcome, r.credential_id, r.errors,
    case when stays then 'left' when e.id is null then h.undo else e.undo end as undo,
    case
        when stays then 'was_there_before'
        when e.id is null then h.undo_reason
        when e.undo = 'undone' and (e.more or h.undo = 'left') then 'other_changes_stay'
        else e.undo_reason
    end as undo_reason
from import_rows r
left join import_effects e on e.import_id = r.import_id and e.step = 1 and e.id = r.credential_id
    and r.outcome not in ('unchanged', 'rejected')
left join import_effects h on h.import_id = r.import_id and h.step = 2 and h.line = r.line
cross join lateral (
    select e.undo = 'undone' and not e.created and r.outcome in ('corrected', 'updated') as stays
) as kept
where r.import_id = $1 and r.line > $2 and ($3::text is null or r.outcome = $3)
order by r.line limit $4;

-- name: count_open
-- Number of open imports.
select count(*) from imports where state in ('queued', 'running', 'cancelling', 'undoing');

-- name: save_undo_entries
-- Upsert entries of the undo log: step 1 are credentials, step 2 holders.
insert into import_effects as known (import_id, step, id, version, created, terms, more, line)
select $1, step, id, version, created, terms::uuid[], more, line
from unnest($2::smallint[], $3::uuid[], $4::bigint[], $5::boolean[], $6::text[], $7::boolean[], $8::integer[])
    as e (step, id, version, created, terms, more, line)
on conflict (import_id, step, id) do update set
    version = excluded.version, terms = known.terms || excluded.terms, more = known.more or excluded.more,
    line = coalesce(excluded.line, known.line);

-- name: save_linked_holders
-- Holders that were linked to their managers. If the import wrote the version before, the link is its own change too;
-- otherwise somebody else changed the holder in between, and the entry keeps its version.
insert into import_effects as known (import_id, step, id, version, created)
select $1, $2, id, version, false from unnest($3::uuid[], $4::bigint[]) as linked (id, version)
on conflict (import_id, step, id) do update set version = excluded.version
where known.version = excluded.version - 1;

-- name: read_undo_entries
-- The next entries of the undo log.
select step, id, version, created, terms, more, line from import_effects
where import_id = $1 and step = $2 and ($3::uuid is null or id > $3) order by id limit $4;

-- name: save_undo_results
-- Write the results of undoing.
update import_effects e set undo = u.undo, undo_reason = u.reason
from unnest($3::uuid[], $4::text[], $5::text[]) as u (id, undo, reason)
where e.import_id = $1 and e.step = $2 and e.id = u.id;

-- name: credentials_changed_since
-- Credentials that somebody has changed after the version; changes by the services themselves don't count.
select distinct c.id from unnest($1::uuid[], $2::bigint[]) as c (id, version)
join credential_history h on h.credential_id = c.id and h.version > c.version
where h.actor not like 'service:%';

-- name: holders_changed_since
-- Holders that somebody has changed after the version.
select distinct o.id from unnest($1::uuid[], $2::bigint[]) as o (id, version)
join holder_history h on h.holder_id = o.id and h.version > o.version
where h.actor not like 'service:%';

-- name: find_undone_holders
-- Holders that are inactive because the import that entered them was undone.
select holder_id from (
    select distinct on (holder_id) holder_id, event_type, reason from holder_history
    where holder_id = any($1::uuid[]) and event_type in ($3, $4)
    order by holder_id, version desc
) as last
where event_type = $3 and reason = $2;

-- name: holders_with_credentials
-- Holders with a credential that is not voided.
select distinct holder_id from credentials where holder_id = any($1::uuid[]) and not voided;

-- name: read_location_zones
-- The zones of locations that have one.
select code, time_zone from locations where code = any($1::text[]) and time_zone is not null;

-- name: find_credentials
-- Credentials by holder, type and number in the form in which it is compared: itself where the scope is `=`.
select wanted.holder_id, wanted.type, wanted.number, c.id
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as wanted (holder_id, type, number, scope)
join credentials c on c.holder_id = wanted.holder_id and c.type = wanted.type
    and number_key(wanted.scope, c.number) is not distinct from wanted.number
where not c.voided order by c.id desc;

-- name: read_newest_terms
-- The newest imported term of each holder, ordered as `rank_of` does.
select distinct on (c.holder_id) c.holder_id, t.valid_from, t.expires_on, t.source_key
from credentials c join terms t on t.credential_id = c.id and t.known_until is null
where c.holder_id = any($1::uuid[]) and not c.voided and t.source_key is not null
order by c.holder_id, t.expires_on desc nulls first, t.valid_from desc nulls last,
    t.source_key collate "C" desc;

-- name: find_taken_numbers
-- Credentials that have these numbers, in the form in which they are compared, within their scope, or would have them after the dry run.
select wanted.type, wanted.scope, wanted.number, c.id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (type, scope, number)
join credentials c on c.type = wanted.type and c.number_scope = wanted.scope
    and number_key(c.number_scope, c.number) = wanted.number
where c.number is not null and not c.voided
union all
select wanted.type, wanted.scope, wanted.number, n.credential_id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (type, scope, number)
join import_numbers n on n.import_id = $4 and n.type = wanted.type and n.scope = wanted.scope
    and n.number = wanted.number;

-- name: save_planned_numbers
-- Save the numbers that a dry run planned.
insert into import_numbers (import_id, type, scope, number, credential_id)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::uuid[]) on conflict do nothing;

-- name: save_planned_managers
-- Save the managers that a dry run planned.
insert into import_managers (import_id, report, manager)
select $1, * from unnest($2::text[], $3::text[]) on conflict do nothing;

-- name: read_planned_managers
-- The managers that a dry run planned.
select report, manager from import_managers where import_id = $1 and report = any($2::text[]);

-- name: forget_reported
-- Delete errors, which quote rows, from all reports: by external id of the holder, or by a text in them.
update import_rows set errors = null, holder_key = null
where errors is not null and (
    holder_key = any($1::text[])
    or exists (select 1 from unnest($2::text[]) as t (text) where strpos(lower(errors::text), lower(t.text)) > 0)
);

-- name: forget_staged
-- Delete staged rows by external id of the holder.
delete from import_staged where holder_key = any($1::text[]);

-- name: files_kept
-- Imports whose files are not yet cut into rows.
select id from imports where state = 'queued' order by id;
