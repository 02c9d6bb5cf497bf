-- Everything that is kept about a holder, in one place: what a table has here it has three times, told in
-- `export_holder`, counted in `count_kept` and deleted below. A test says so of every table there is.

-- name: hold_credentials
-- All credentials of holders, voided ones too, held until the transaction ends, in one order.
select id, number from credentials where holder_id = any($1::uuid[]) order by id for update;

-- name: read_credentials
-- The same, not held.
select id, number from credentials where holder_id = any($1::uuid[]) order by id;

-- name: keys_of_holder
-- Every credential that a holder has, or ever had: each has a key of the holder's on the topic.
select id from credentials where holder_id = $1
union
select credential_id from credential_history where holder_id = $1
union
select credential_id from erased_events where holder_id = $1 and credential_id is not null
order by 1;

-- name: count_kept
-- How much is kept of some holders ($1) and their credentials ($2), by what it is.
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

-- name: keep_events
-- Keep how many events there were of holders and their credentials, and when: nothing else of them stays.
insert into erased_events (holder_id, credential_id, version, event_type, at)
select holder_id, null, version, event_type, at from holder_history where holder_id = any($1::uuid[])
union all
select c.holder_id, h.credential_id, h.version, h.event_type, h.at
from credential_history h join credentials c on c.id = h.credential_id
where h.credential_id = any($2::uuid[]);

-- name: keep_objects
-- Note which objects of the holder's images are to go, until they are gone.
insert into erased_objects (holder_id, sha256, generation)
select distinct $1::uuid, sha256, generation from images where credential_id = any($2::uuid[]);

-- name: delete_credentials
-- Delete credentials with all that belongs to them; their images have been removed before.
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
-- Delete holders whose credentials are gone, and what was noted under them of credentials that are others'.
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

-- name: forget_in_imports
-- Take holders out of what imports keep beside rows: by their external ids ($1), by any of their texts ($2),
-- and by the ids of them and their credentials ($3), which are not to be undone any more.
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

-- name: forget_in_bulks
-- Take credentials ($1) out of what actions on many have told, and the texts of their holder ($2) out of what
-- was noted with such actions.
with told_gone as (
    update bulk_rows set detail = null, changes = null where credential_id = any($1::uuid[])
)
update bulks set action = action - 'note' - 'notes'
where exists (select from unnest($2::text[]) as t (said) where strpos(lower(action::text), lower(t.said)) > 0);

-- name: at_work_on
-- Imports that are at one of these external ids just now.
select id from imports where cursor_key = any($1::text[]) and finished_at is null;

-- name: keep_erasure
-- Note an erasure; one that was noted before stands.
insert into erasures (holder_id, erased_at, actor, reason, counts) values ($1, $2, $3, $4, $5::jsonb)
on conflict do nothing;

-- name: read_erasure
-- What is known of an erasure.
select holder_id, erased_at, actor, reason, counts from erasures where holder_id = $1;

-- name: objects_left
-- How many sets of objects of erased holders are still in the bucket, though nothing refers to them.
select e.holder_id, count(*) as left
from erased_objects e
join image_objects o on o.sha256 = e.sha256 and o.generation = e.generation and o.state <> 'removed'
where e.holder_id = any($1::uuid[])
    and not exists (select from images i where i.sha256 = e.sha256 and i.generation = e.generation)
group by e.holder_id;

-- name: note_copy
-- Keep who took a copy of everything about a holder.
insert into holder_copies (id, holder_id, actor, at) values ($1, $2, $3, $4);

-- name: export_holder
-- Everything that is kept about a holder ($1) and the records that turned out to be it, as one document. The
-- tables `runs` and `register` follow from the others and are left out; staged rows are the file that was sent.
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
