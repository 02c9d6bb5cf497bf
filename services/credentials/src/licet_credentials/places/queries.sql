-- Each statement exists once for locations and once for teams, under the same name.

-- name: reserve_place
-- Lock the code of a place that may not exist yet, so that concurrent creations are serialised.
select pg_advisory_xact_lock(hashtextextended('licet.place/' || $1::text, 0));

-- name: lock_location
-- One location, locked until the transaction ends.
select * from locations where lower(code) = lower($1) order by code = $1 desc limit 1 for update;

-- name: save_location
-- Upsert a location.
insert into locations (
    code, version, name, supervisor_ids, fallback_email, created_at, updated_at, time_zone, country, subdivision
)
select code, version, name, supervisor_ids, fallback_email, created_at, updated_at, time_zone, country, subdivision
from jsonb_to_record($1::jsonb) as given (
    code text, version bigint, name text, supervisor_ids uuid[], fallback_email text, created_at timestamptz,
    updated_at timestamptz, time_zone text, country text, subdivision text
)
on conflict (code) do update set
    version = excluded.version, name = excluded.name, supervisor_ids = excluded.supervisor_ids,
    fallback_email = excluded.fallback_email, updated_at = excluded.updated_at,
    time_zone = excluded.time_zone, country = excluded.country, subdivision = excluded.subdivision;

-- name: read_location
-- One location.
select * from locations where lower(code) = lower($1) order by code = $1 desc limit 1;

-- name: list_locations
-- A page of locations by code.
select * from locations where ($1::text is null or code > $1) order by code limit $2;

-- name: lock_locations_after
-- Locations by code, locked until the transaction ends, for a backfill.
select * from locations where ($1::text is null or code > $1) order by code limit $2 for update;

-- name: lock_locations_supervised_by
-- Locations that a holder supervises, locked until the transaction ends.
select * from locations where $1::uuid = any(supervisor_ids) order by code for update;

-- name: lock_team
-- One team, locked until the transaction ends.
select * from teams where lower(code) = lower($1) order by code = $1 desc limit 1 for update;

-- name: save_team
-- Upsert a team.
insert into teams (code, version, name, supervisor_ids, fallback_email, created_at, updated_at)
select code, version, name, supervisor_ids, fallback_email, created_at, updated_at
from jsonb_to_record($1::jsonb) as given (
    code text, version bigint, name text, supervisor_ids uuid[], fallback_email text, created_at timestamptz,
    updated_at timestamptz
)
on conflict (code) do update set
    version = excluded.version, name = excluded.name, supervisor_ids = excluded.supervisor_ids,
    fallback_email = excluded.fallback_email, updated_at = excluded.updated_at;

-- name: read_team
-- One team.
select * from teams where lower(code) = lower($1) order by code = $1 desc limit 1;

-- name: list_teams
-- A page of teams by code.
select * from teams where ($1::text is null or code > $1) order by code limit $2;

-- name: lock_teams_after
-- Teams by code, locked until the transaction ends, for a backfill.
select * from teams where ($1::text is null or code > $1) order by code limit $2 for update;

-- name: lock_teams_supervised_by
-- Teams that a holder supervises, locked until the transaction ends.
select * from teams where $1::uuid = any(supervisor_ids) order by code for update;
