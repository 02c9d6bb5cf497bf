-- Enrolments, what is decided about them, and their history.

-- name: share_holders
-- Hold off whoever opens an enrolment of these holders, or records completions of theirs, until the
-- transaction ends: the two do not see one another before they are committed ($1: class of the locks).
select pg_advisory_xact_lock($1, key)
from (select distinct hashtext(id::text) as key from unnest($2::uuid[]) as id order by key) as keys;

-- name: read_enrolment
-- One enrolment, with where its holder is.
select e.state, e.internals, h.team, h.location
from enrolments e left join holders h on h.id = e.holder_id
where e.id = $1;

-- name: read_open_renewal
-- The open enrolment that is to renew a credential ($1), other than one ($2).
select state, internals from enrolments where credential_id = $1 and id <> $2 and open order by id desc limit 1;

-- name: lock_of_holders
-- All enrolments of some holders, held, in the order in which they were opened.
select state, internals from enrolments where holder_id = any($1::uuid[]) order by id for update;

-- name: read_merged
-- Those of some holders who were merged, and whom they lead to.
select id, merged_into from holders where id = any($1::uuid[]) and merged_into is not null;

-- name: lock_of_credentials
-- The enrolments that credentials are about: by the credential's id, or by an award that a term carries.
select state, internals from enrolments
where id in (
    select id from enrolments where credential_id = any($1::uuid[])
    union
    select id from enrolments where award_id = any($2::uuid[])
)
order by id
for update;

-- name: count_after
-- How many enrolments come after an id.
select count(*) from enrolments where $1::uuid is null or id > $1;

-- name: lock_page
-- Enrolments after an id, locked so that no newer state gets into the outbox before.
select state, internals from enrolments
where $1::uuid is null or id > $1
order by id limit $2
for update;

-- name: save_enrolments
-- Write enrolments as they are now ($1: JSON array of rows; $2 and $3: states and internals in the same order,
-- beside the rows so that these large documents are parsed once).
insert into enrolments as e (
    id, version, holder_id, programme, programme_version, kind, stage, status, upcoming_at, upcoming,
    settled_at, reason, open, waits_for, waits_since, lacking, credential_id, award_id, expires_at,
    deadline_at, window_opens_at, completed_at, superseded_by, previous_enrolment_id, opened_at, updated_at,
    state, internals
)
select
    id, version, holder_id, programme, programme_version, kind, stage, status, upcoming_at, upcoming,
    settled_at, reason, open, waits_for, waits_since, lacking, credential_id, award_id, expires_at,
    deadline_at, window_opens_at, completed_at, superseded_by, previous_enrolment_id, opened_at, updated_at,
    state::jsonb, internals::jsonb
from rows from (
    jsonb_to_recordset($1::jsonb) as (
        id uuid, version bigint, holder_id uuid, programme text, programme_version integer, kind text,
        stage text, status text, upcoming_at timestamptz[], upcoming text[], settled_at timestamptz,
        reason text, open boolean, waits_for text, waits_since timestamptz, lacking text[],
        credential_id uuid, award_id uuid, expires_at timestamptz, deadline_at timestamptz,
        window_opens_at timestamptz, completed_at timestamptz, superseded_by uuid,
        previous_enrolment_id uuid, opened_at timestamptz, updated_at timestamptz
    ),
    unnest($2::text[], $3::text[])
) as t (
    id, version, holder_id, programme, programme_version, kind, stage, status, upcoming_at, upcoming,
    settled_at, reason, open, waits_for, waits_since, lacking, credential_id, award_id, expires_at,
    deadline_at, window_opens_at, completed_at, superseded_by, previous_enrolment_id, opened_at, updated_at,
    state, internals
)
order by id
on conflict (id) do update set
    version = excluded.version, holder_id = excluded.holder_id, programme_version = excluded.programme_version, kind = excluded.kind,
    stage = excluded.stage, status = excluded.status, upcoming_at = excluded.upcoming_at,
    upcoming = excluded.upcoming, settled_at = excluded.settled_at, reason = excluded.reason,
    open = excluded.open, waits_for = excluded.waits_for, waits_since = excluded.waits_since,
    lacking = excluded.lacking, credential_id = excluded.credential_id, award_id = excluded.award_id,
    expires_at = excluded.expires_at, deadline_at = excluded.deadline_at,
    window_opens_at = excluded.window_opens_at, completed_at = excluded.completed_at,
    superseded_by = excluded.superseded_by, updated_at = excluded.updated_at, state = excluded.state,
    internals = excluded.internals;

-- name: keep_history
-- Keep what has happened to enrolments; one array for each column.
insert into enrolment_history (
    enrolment_id, version, at, event, actor, from_status, to_status, cause, reason, note, component
)
select * from unnest(
    $1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[]
);

-- name: list_history
-- What has happened to an enrolment, in order, after a version.
select version, at, event, actor, from_status, to_status, cause, reason, note, component
from enrolment_history where enrolment_id = $1 and version > $2 order by version limit $3;

-- name: read_applicant
-- What is known of a holder who is to be enrolled.
select id, active, team, location, targets from holders where id = $1;

-- name: read_dates
-- What the validity of a credential follows from.
select facts from credentials where id = $1;

-- name: read_credentials
-- The credentials of a holder: their types, and what their validity follows from.
select type, facts from credentials where holder_id = $1;

-- name: forget_holder
-- Delete the enrolments of a holder with their history, and return their ids.
delete from enrolments where holder_id = $1 returning id;
