-- Every table with personal data appears three times: exported in `export_holder`, counted in `count_records`
-- and deleted below. A test checks that for every table of the service.

-- name: lock_credentials_of
-- Lock all credentials of holders, voided ones included, ordered by id.
select id, number from credentials where holder_id = any($1::uuid[]) order by id for update;

-- name: read_credentials
-- The same without the lock.
select id, number from credentials where holder_id = any($1::uuid[]) order by id;

-- name: keys_of_holder
-- Keys below a holder's on the topic of credentials: every credential that it has or had, and its awards.
select id::text as path from credentials where holder_id = $1
union
select credential_id::text from credential_history where holder_id = $1
union
select credential_id::text from erased_events where holder_id = $1 and credential_id is not null
union
select 'award/' || id from awards where holder_id = $1
order by 1;

-- name: count_records
-- Number of records about holders ($1) and their credentials ($2), by kind.
select 'holders' as what, count(*) from holders where id = any($1::uuid[])
union all
select 'credentials', count(*) from credentials where id = any($2::uuid[])
union all
select 'terms', count(*) from terms where credential_id = any($2::uuid[])
union all
select 'flags', count(*) from flags where credential_id = any($2::uuid[])
union all
select 'verifications', count(*) from verifications where credential_id = any($2::uuid[])
union all
select 'images', count(*) from images where credential_id = any($2::uuid[])
union all
select 'image_views', count(*) from image_views where credential_id = any($2::uuid[])
union all
select 'awards', count(*) from awards where holder_id = any($1::uuid[])
union all
select 'copies', count(*) from holder_copies where holder_id = any($1::uuid[])
union all
select 'import_rows', count(*) from import_rows
where errors is not null and holder_key in (select external_id from holders where id = any($1::uuid[]))
union all
select 'events',
    (select count(*) from holder_history where holder_id = any($1::uuid[]))
    + (select count(*) from credential_history where credential_id = any($2::uuid[]));

-- name: insert_erased_events
-- Store types and dates of the events of holders and their credentials: nothing else of them stays.
insert into erased_events (holder_id, credential_id, version, event_type, at)
select holder_id, null, version, event_type, at from holder_history where holder_id = any($1::uuid[])
union all
select c.holder_id, h.credential_id, h.version, h.event_type, h.at
from credential_history h join credentials c on c.id = h.credential_id
where h.credential_id = any($2::uuid[]);

-- name: insert_erased_objects
-- Store which objects of the holder's images are to be removed, until they are.
insert into erased_objects (holder_id, sha256, generation)
select distinct $1::uuid, sha256, generation from images where credential_id = any($2::uuid[]);

-- name: delete_credentials
-- Delete credentials and all that belongs to them; their images have been removed before.
with views_gone as (
    delete from image_views where credential_id = any($1::uuid[])
), verifications_gone as (
    delete from verifications where credential_id = any($1::uuid[])
), flags_gone as (
    delete from flags where credential_id = any($1::uuid[])
), runs_gone as (
    delete from runs where credential_id = any($1::uuid[])
), register_gone as (
    delete from register where credential_id = any($1::uuid[])
), terms_gone as (
    delete from terms where credential_id = any($1::uuid[])
), history_gone as (
    delete from credential_history where credential_id = any($1::uuid[])
)
delete from credentials where id = any($1::uuid[]);

-- name: delete_holders
-- Delete holders whose credentials are gone, and notes in the history of credentials that moved to others.
with copies_gone as (
    delete from holder_copies where holder_id = any($1::uuid[])
), awards_gone as (
    delete from awards where holder_id = any($1::uuid[])
), history_gone as (
    delete from holder_history where holder_id = any($1::uuid[])
), notes_gone as (
    update credential_history set note = null where holder_id = any($1::uuid[]) and note is not null
)
delete from holders where id = any($1::uuid[]);

-- name: remove_from_imports
-- Remove holders from records of imports other than rows: by external ids ($1), by their texts ($2), and by
-- the ids of holders and credentials ($3), so that undoing an import skips them.
with numbers_gone as (
    delete from import_numbers where number = any($2::text[])
), managers_gone as (
    delete from import_managers where report = any($1::text[]) or manager = any($1::text[])
), effects_gone as (
    delete from import_effects where id = any($3::uuid[])
)
update imports set
    cursor_key = case when cursor_key = any($1::text[]) and finished_at is not null then null else cursor_key end,
    file_name = case
        when exists (select from unnest($2::text[]) as t (said) where strpos(lower(file_name), lower(t.said)) > 0)
        then 'erased' else file_name
    end
where cursor_key = any($1::text[])
    or exists (select from unnest($2::text[]) as t (said) where strpos(lower(file_name), lower(t.said)) > 0);

-- name: remove_from_bulks
-- Remove the outcomes for credentials ($1) from bulk reports, and notes with a text of their holder ($2) from
-- bulk actions. An action is stored as its name with its fields: {"void": {"reason": …, "note": …}}.
with told_gone as (
    update bulk_rows set detail = null, changes = null where credential_id = any($1::uuid[])
)
update bulks
set action = (
    select jsonb_object_agg(
        part.name, case jsonb_typeof(part.fields) when 'object' then part.fields - 'note' - 'notes' else part.fields end
    )
    from jsonb_each(action) as part (name, fields)
)
where exists (select from unnest($2::text[]) as t (said) where strpos(lower(action::text), lower(t.said)) > 0);

-- name: imports_reading
-- Unfinished imports that are reading one of these external ids now.
select id from imports where cursor_key = any($1::text[]) and finished_at is null;

-- name: insert_erasure
-- Store an erasure, unless one is stored already.
insert into erasures (holder_id, erased_at, actor, reason, counts) values ($1, $2, $3, $4, $5::jsonb)
on conflict do nothing;

-- name: read_erasure
-- The erasure of a holder.
select holder_id, erased_at, actor, reason, counts from erasures where holder_id = $1;

-- name: objects_left
-- Number of images of erased holders whose objects are still in the bucket though nothing refers to them.
select e.holder_id, count(*) as left
from erased_objects e
join image_objects o on o.sha256 = e.sha256 and o.generation = e.generation and o.state <> 'removed'
where e.holder_id = any($1::uuid[])
    and not exists (select from images i where i.sha256 = e.sha256 and i.generation = e.generation)
group by e.holder_id;

-- name: record_export
-- Record an export and its actor.
insert into holder_copies (id, holder_id, actor, at) values ($1, $2, $3, $4);

-- name: export_holder
-- Everything about a holder ($1) and the records merged into it, as one document. The tables `runs` and
-- `register` are derived and left out; staged rows are part of the uploaded file.
with persons as (
    select id, external_id from holders where id = $1 or merged_into = $1
)
select jsonb_build_object(
    'holders', (
        select jsonb_agg(to_jsonb(h) order by h.id <> $1, h.id) from holders h where h.id in (select id from persons)
    ),
    'holder_history', (
        select jsonb_agg(to_jsonb(x) order by x.holder_id <> $1, x.holder_id, x.version)
        from holder_history x where x.holder_id in (select id from persons)
    ),
    'credentials', (
        select coalesce(jsonb_agg(
            to_jsonb(c) || jsonb_build_object(
                'terms', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.recorded_at, x.id, x.revision), '[]')
                    from terms x where x.credential_id = c.id
                ),
                'flags', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.effective_from, x.id, x.revision), '[]')
                    from flags x where x.credential_id = c.id
                ),
                'verifications', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.checked_at, x.id), '[]')
                    from verifications x where x.credential_id = c.id
                ),
                'images', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at, x.id), '[]')
                    from images x where x.credential_id = c.id
                ),
                'image_views', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.id), '[]')
                    from image_views x where x.credential_id = c.id
                ),
                'history', (
                    select coalesce(jsonb_agg(to_jsonb(x) order by x.version), '[]')
                    from credential_history x where x.credential_id = c.id
                )
            ) order by c.id
        ), '[]')
        from credentials c where c.holder_id in (select id from persons)
    ),
    'history_of_credentials_that_moved', (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.credential_id, x.version), '[]')
        from credential_history x join credentials c on c.id = x.credential_id
        where x.holder_id in (select id from persons) and c.holder_id not in (select id from persons)
    ),
    'import_rows', (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.import_id, x.line), '[]') from import_rows x
        where x.holder_key in (select external_id from persons)
            or x.credential_id in (select id from credentials where holder_id in (select id from persons))
    ),
    'bulk_rows', (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.bulk_id, x.ordinal), '[]') from bulk_rows x
        where x.credential_id in (select id from credentials where holder_id in (select id from persons))
    ),
    'awards', (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.decided_at, x.id), '[]')
        from awards x where x.holder_id in (select id from persons)
    ),
    'copies', (
        select coalesce(jsonb_agg(to_jsonb(x) order by x.id), '[]')
        from holder_copies x where x.holder_id in (select id from persons)
    ),
    'manages', (
        select coalesce(jsonb_agg(h.id order by h.id), '[]') from holders h
        where h.manager_id in (select id from persons)
    ),
    'supervises', (
        select coalesce(jsonb_agg(p.place order by p.place), '[]') from (
            select 'team/' || code as place, supervisor_ids from teams
            union all
            select 'location/' || code, supervisor_ids from locations
        ) p where p.supervisor_ids && array(select id from persons)
    )
) as document;
