-- name: insert_import
-- Take in a file with its mapping; it is worked off later.
insert into imports (
    id, state, mapping_name, mapping, dry_run, file_name, file_size, encoding, delimiter, actor, created_at,
    updated_at
)
values ($1, 'queued', $2, $3, $4, $5, $6, $7, $8, $9, $10, $10);

-- name: insert_chunk
-- Keep a piece of a file.
insert into import_chunks (import_id, ordinal, content) values ($1, $2, $3);

-- name: read_chunk
-- A piece of a file.
select content from import_chunks where import_id = $1 and ordinal = $2;

-- name: read_import
-- One import.
select id, state, mapping_name, dry_run, file_name, file_size, encoding, delimiter, total_rows, done_rows,
    counts, types_created, undo_counts, problem, created_at, updated_at, finished_at
from imports where id = $1;

-- name: list_imports
-- A page of imports, the latest first.
select id, state, mapping_name, dry_run, file_name, file_size, encoding, delimiter, total_rows, done_rows,
    counts, types_created, undo_counts, problem, created_at, updated_at, finished_at
from imports where ($1::uuid is null or id < $1) and ($2::text is null or state = $2)
order by id desc limit $3;

-- name: open_imports
-- The imports at which there is something to do, the oldest first.
select id, coalesce(undone_by, actor) as actor from imports
where state in ('queued', 'running', 'cancelling', 'undoing') order by id limit 10;

-- name: hold_import
-- Let no other instance work at an import until this transaction ends; whoever only reads it, or wants it
-- cancelled, does not wait.
select pg_try_advisory_xact_lock(hashtextextended('licet.import/' || $1::uuid, 0));

-- name: hold_open_imports
-- Wait until nobody works at any import, and let nobody begin until this transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.import/' || open.id, 0))
from (
    select id from imports where state in ('queued', 'running', 'cancelling', 'undoing') order by id
) as open;

-- name: read_work
-- An import in hand.
select id, state, mapping, dry_run, encoding, delimiter, cursor_key, total_rows, done_rows, counts,
    types_created, undo_step, undo_after, undo_counts
from imports where id = $1 and state in ('queued', 'running', 'cancelling', 'undoing');

-- name: read_state
-- How far an import has come, as it is believed now.
select state from imports where id = $1;

-- name: start_running
-- All rows of a file are staged; unless somebody wants the import cancelled, they are worked off now.
update imports set state = 'running', total_rows = $2, done_rows = $3, counts = $4, updated_at = $5
where id = $1 and state = 'queued' returning id;

-- name: keep_progress
-- Note how far an import has come.
update imports set cursor_key = $2, done_rows = $3, counts = $4, types_created = $5, updated_at = $6
where id = $1;

-- name: keep_undo_progress
-- Note how far the undoing of an import has come.
update imports set undo_step = $2, undo_after = $3, undo_counts = $4, updated_at = $5 where id = $1;

-- name: finish_import
-- An import is worked off, cancelled, undone, or can't be.
update imports set state = $2, problem = $3, updated_at = $4, finished_at = $4 where id = $1;

-- name: drop_chunks
-- A file is not needed any more.
delete from import_chunks where import_id = $1;

-- name: drop_staged
-- Staged rows are not needed any more.
delete from import_staged where import_id = $1;

-- name: drop_numbers
-- What a dry run would have taken is not needed any more.
delete from import_numbers where import_id = $1;

-- name: drop_managers
-- Who would report to whom after a dry run is not needed any more.
delete from import_managers where import_id = $1;

-- name: change_state
-- Ask for something to be done with an import, if it is in one of these states.
update imports set state = $2, undone_by = coalesce($3, undone_by), finished_at = null, updated_at = $4
where id = $1 and state = any($5::text[]) returning id;

-- name: staged_rows
-- The next staged rows of an import, holder by holder.
select holder_key, line, cells from import_staged
where import_id = $1 and ($2::text is null or holder_key > $2)
order by holder_key, line limit $3;

-- name: staged_rows_of
-- Staged rows of one holder.
select holder_key, line, cells from import_staged
where import_id = $1 and holder_key = $2 order by line limit $3;

-- name: reject_staged_rows_of
-- Reject all staged rows of one holder, with one reason.
insert into import_rows (import_id, line, outcome, holder_key, errors)
select import_id, line, 'rejected', holder_key, $3::jsonb from import_staged
where import_id = $1 and holder_key = $2;

-- name: report_rows
-- A page of what became of an import's rows. The undoing told is that of what the row did: of credentials
-- that were there before, terms alone are taken back.
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
-- At how many imports there is something to do.
select count(*) from imports where state in ('queued', 'running', 'cancelling', 'undoing');

-- name: keep_effects
-- What an import has made or changed, by what it may be undone: step 1 are credentials, step 2 holders.
insert into import_effects as known (import_id, step, id, version, created, terms, more, line)
select $1, step, id, version, created, terms::uuid[], more, line
from unnest($2::smallint[], $3::uuid[], $4::bigint[], $5::boolean[], $6::text[], $7::boolean[], $8::integer[])
    as e (step, id, version, created, terms, more, line)
on conflict (import_id, step, id) do update set
    version = excluded.version, terms = known.terms || excluded.terms, more = known.more or excluded.more,
    line = coalesce(excluded.line, known.line);

-- name: keep_links
-- Holders that were linked to their managers. Of one that the import has made or changed that is no change of
-- somebody else's; what others have changed in between stays one.
insert into import_effects as known (import_id, step, id, version, created)
select $1, $2, id, version, false from unnest($3::uuid[], $4::bigint[]) as linked (id, version)
on conflict (import_id, step, id) do update set version = excluded.version
where known.version = excluded.version - 1;

-- name: next_effects
-- What is to be undone next.
select step, id, version, created, terms, more, line from import_effects
where import_id = $1 and step = $2 and ($3::uuid is null or id > $3) order by id limit $4;

-- name: note_undone
-- What became of undoing.
update import_effects e set undo = u.undo, undo_reason = u.reason
from unnest($3::uuid[], $4::text[], $5::text[]) as u (id, undo, reason)
where e.import_id = $1 and e.step = $2 and e.id = u.id;

-- name: credentials_changed_since
-- Which of these credentials somebody has changed after the version; what time and changed rules bring
-- counts for nothing.
select distinct c.id from unnest($1::uuid[], $2::bigint[]) as c (id, version)
join credential_history h on h.credential_id = c.id and h.version > c.version
where h.actor not like 'service:%';

-- name: holders_changed_since
-- Which of these holders somebody has changed after the version.
select distinct o.id from unnest($1::uuid[], $2::bigint[]) as o (id, version)
join holder_history h on h.holder_id = o.id and h.version > o.version
where h.actor not like 'service:%';

-- name: holders_undone
-- Which of these holders are inactive because an import that had entered them was undone.
select holder_id from (
    select distinct on (holder_id) holder_id, event_type, reason from holder_history
    where holder_id = any($1::uuid[]) and event_type in ($3, $4)
    order by holder_id, version desc
) as last
where event_type = $3 and reason = $2;

-- name: holders_with_credentials
-- Which of these holders have a credential that is not voided.
select distinct holder_id from credentials where holder_id = any($1::uuid[]) and not voided;

-- name: location_zones
-- The zones of locations that have one.
select code, time_zone from locations where code = any($1::text[]) and time_zone is not null;

-- name: credentials_of
-- The credentials that holders have under a type and number.
select wanted.holder_id, wanted.type, wanted.number, c.id
from unnest($1::uuid[], $2::text[], $3::text[]) as wanted (holder_id, type, number)
join credentials c on c.holder_id = wanted.holder_id and c.type = wanted.type
    and c.number is not distinct from wanted.number
where not c.voided order by c.id desc;

-- name: newest_terms
-- The newest term that was imported for each holder, by the rank that rows have too.
select distinct on (c.holder_id) c.holder_id, t.valid_from, t.expires_on, t.source_key
from credentials c join terms t on t.credential_id = c.id and t.known_until is null
where c.holder_id = any($1::uuid[]) and not c.voided and t.source_key is not null
order by c.holder_id, t.expires_on desc nulls first, t.valid_from desc nulls last,
    t.source_key collate "C" desc;

-- name: taken_numbers
-- Which of these numbers others have within their scope, or would have after a dry run.
select wanted.type, wanted.scope, wanted.number, c.id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (type, scope, number)
join credentials c on c.type = wanted.type and c.number_scope = wanted.scope and c.number = wanted.number
where not c.voided
union all
select wanted.type, wanted.scope, wanted.number, n.credential_id
from unnest($1::text[], $2::text[], $3::text[]) as wanted (type, scope, number)
join import_numbers n on n.import_id = $4 and n.type = wanted.type and n.scope = wanted.scope
    and n.number = wanted.number;

-- name: keep_numbers
-- Which numbers a dry run would have taken.
insert into import_numbers (import_id, type, scope, number, credential_id)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::uuid[]) on conflict do nothing;

-- name: keep_managers
-- Keep who would report to whom after a dry run.
insert into import_managers (import_id, report, manager)
select $1, * from unnest($2::text[], $3::text[]) on conflict do nothing;

-- name: managers_kept
-- To whom those would report whom a dry run has given a manager.
select report, manager from import_managers where import_id = $1 and report = any($2::text[]);

-- name: forget_reported
-- Take out of all reports what rows said, by the external ids of their holders or by a text in what is kept.
update import_rows set errors = null, holder_key = null
where errors is not null and (
    holder_key = any($1::text[])
    or exists (select 1 from unnest($2::text[]) as t (said) where strpos(lower(errors::text), lower(t.said)) > 0)
);

-- name: forget_staged
-- Drop what is staged of holders, by their external ids.
delete from import_staged where holder_key = any($1::text[]);

-- name: files_kept
-- The imports whose files are not cut into rows yet, so that nothing can be taken out of them.
select id from imports where state = 'queued' order by id;
