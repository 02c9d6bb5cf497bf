-- Programmes, their versions, and the courses that their components stand for.

-- name: insert_programme
-- A new programme, unless its code is taken in whatever case.
insert into programmes (code, version, name, credential_type, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
returning code;

-- name: update_programme
-- The programme as it is now.
update programmes set version = $2, name = $3, credential_type = $4, updated_at = $5 where code = $1;

-- name: read_programme
-- One programme.
select * from programmes where code = $1;

-- name: lock_programme
-- One programme, held with all its versions until the transaction ends.
select * from programmes where code = $1 for no key update;

-- name: list_programmes
-- Programmes after a code, in order of codes.
select * from programmes where $1::text is null or code > $1 order by code limit $2;

-- name: page_programmes
-- Programmes after a code, locked so that no newer state gets into the outbox before.
select * from programmes where $1::text is null or code > $1 order by code limit $2 for no key update;

-- name: save_version
-- A version as it is now.
insert into programme_versions
    (programme, number, version, state, definition, created_at, updated_at, published_at, retired_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (programme, number) do update set
    version = excluded.version, state = excluded.state, definition = excluded.definition,
    updated_at = excluded.updated_at, published_at = excluded.published_at,
    retired_at = excluded.retired_at;

-- name: read_version
-- One version.
select * from programme_versions where programme = $1 and number = $2;

-- name: read_versions
-- The versions that stand in two arrays, programmes and numbers.
select v.* from programme_versions v
join (select distinct * from unnest($1::text[], $2::integer[]) as t (programme, number)) t
    using (programme, number);

-- name: newest_published
-- The version that new enrolments use, of each of some programmes.
select distinct on (programme) * from programme_versions
where programme = any ($1::text[]) and state = 'published'
order by programme, number desc;

-- name: all_newest_published
-- The version that new enrolments use, of every programme.
select distinct on (programme) * from programme_versions
where state = 'published'
order by programme, number desc;

-- name: list_versions
-- Versions of a programme after a number, in order.
select * from programme_versions where programme = $1 and number > $2 order by number limit $3;

-- name: last_number
-- The highest number of a version.
select coalesce(max(number), 0) from programme_versions where programme = $1;

-- name: missing_programmes
-- Those of some codes that are no programme's.
select wanted.code from unnest($1::text[]) as wanted (code)
where not exists (select from programmes p where p.code = wanted.code);

-- name: insert_sources
-- Which courses the components of a version that is published stand for ($3: JSON array).
insert into component_sources (source, id, programme, number, recertification, component)
select t.source, t.id, $1, $2, t.recertification, t.component
from jsonb_to_recordset($3::jsonb) as t (source text, id text, recertification boolean, component text);

-- name: components_of
-- The components that courses stand for, in all versions that were ever published.
select s.*, p.created_at from component_sources s
join programmes p on p.code = s.programme
join (select distinct * from unnest($1::text[], $2::text[]) as t (source, id)) t using (source, id)
order by s.programme, s.number, s.recertification;

-- name: note_rules
-- Let those be found, page by page, who have what new rules of entry name already.
insert into entry_publications (programme, number, triggers) values ($1, $2, $3)
on conflict (programme, number) do update set triggers = excluded.triggers, after = null;
