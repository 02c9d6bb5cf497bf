-- name: lock_credentials
-- Lock credentials in the order of their ids. Their parts are read in a later statement: only that one sees what the
-- transaction that held the locks before has written.
select id from credentials where id = any($1::uuid[]) order by id for update;

-- name: read_credentials
-- Credentials with their present terms, flags and images, and their types.
select c.*, to_jsonb(t) as type_entry,
    (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from terms x
     where x.credential_id = c.id and x.known_until is null) as terms,
    (select coalesce(jsonb_agg(to_jsonb(x) order by x.effective_from, x.id), '[]') from flags x
     where x.credential_id = c.id and x.known_until is null) as flags,
    (select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at, x.id), '[]') from images x
     where x.credential_id = c.id) as images,
    (select to_jsonb(x) from verifications x where x.credential_id = c.id
     order by x.checked_at desc, x.id desc limit 1) as verification
from credentials c join credential_types t on t.code = c.type
where c.id = any($1::uuid[]);

-- name: facts_for_new
-- Facts needed to record a credential: its holder (the survivor of a merge), the zone of the holder's location, its
-- type, and another credential with the number. The type is locked for share, so that a change of its rules waits
-- and then replans this credential too. The holder is locked for key share, so that a merge waits and moves it.
with entry as materialized (
    select t.* from credential_types t where t.code = (
        select n.type from credential_type_names n
        where lower(n.name) = lower($2) order by n.name = $2 desc limit 1
    ) for share of t
), named as materialized (
    select coalesce(merged_into, id) as leads_to from holders where id = $1 for key share
)
select h.id as holder_id, l.time_zone as location_zone, to_jsonb(t) as type_entry,
    (select c.id from credentials c
     where c.type = t.code and not c.voided and c.number is not null
       and c.number_scope = scope.of_new and number_key(c.number_scope, c.number) = number_key(scope.of_new, $3)
     limit 1) as number_of
from (select) as one
left join named on true
left join holders h on h.id = named.leads_to
left join locations l on l.code = h.location
left join entry t on true
left join lateral (
    select case when t.number_comparison = 'exact' then '=' else '' end || case t.number_unique
        when 'holder' then 'holder:' || h.id
        when 'jurisdiction' then 'jurisdiction:' || coalesce($5::text, $4::text, '')
    end as of_new
) as scope on true;

-- name: number_of
-- Another credential of the type with the number within the scope.
select id from credentials
where type = $1 and number_scope = $2 and number_key(number_scope, number) = number_key($2, $3)
  and number is not null and not voided and id <> $4
limit 1;

-- name: hold_unnumbered
-- Keep others from recording a credential without a number for the holder and type until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.unnumbered/' || $1::uuid || '/' || $2::text, 0));

-- name: unnumbered_of
-- A credential of the holder and type without a number, with a term that overlaps from $3 to $4.
select c.id from credentials c join terms t on t.credential_id = c.id and t.known_until is null
where c.holder_id = $1 and c.type = $2 and c.number is null and not c.voided
  and ($4::timestamptz is null or t.starts_at < $4) and (t.expires_at is null or t.expires_at > $3)
order by c.id limit 1;

-- name: save_credentials
-- Write new and changed credentials with their terms, runs, flags, images and history, in one statement.
-- $1 credentials, $2 terms, $3 runs, $4 flags, $5 images, $6 verifications, $7 history.
with incoming as (
    select * from jsonb_to_recordset($1::jsonb) as c (
        id uuid, version bigint, holder_id uuid, type text, type_version bigint, name text, number text,
        number_scope text, country text, subdivision text, issuer text, issued_on date, notes text,
        own_ladder integer[], ladder integer[], grace_days integer, attributes jsonb, voided boolean,
        submitted_at timestamptz, quiet_until timestamptz, announced text, announced_at timestamptz,
        created_at timestamptz, updated_at timestamptz,
        run_count integer, next_change_at timestamptz, verified_until timestamptz
    )
), saved as (
    insert into credentials (
        id, version, holder_id, type, type_version, name, number, number_scope, country, subdivision, issuer,
        issued_on, notes, own_ladder, ladder, grace_days, attributes, voided, submitted_at, quiet_until,
        announced, announced_at, created_at, updated_at
    )
    select id, version, holder_id, type, type_version, name, number, number_scope, country, subdivision, issuer,
        issued_on, notes, own_ladder, ladder, grace_days, attributes, voided, submitted_at, quiet_until,
        announced, announced_at, created_at, updated_at
    from incoming
    on conflict (id) do update set
        version = excluded.version, holder_id = excluded.holder_id, type = excluded.type,
        type_version = excluded.type_version, name = excluded.name, number = excluded.number,
        number_scope = case
            when (credentials.type, credentials.number_scope, credentials.number)
                = (excluded.type, '==' || excluded.number_scope, excluded.number) then credentials.number_scope
            else excluded.number_scope
        end, country = excluded.country, subdivision = excluded.subdivision,
        issuer = excluded.issuer, issued_on = excluded.issued_on, notes = excluded.notes,
        own_ladder = excluded.own_ladder, ladder = excluded.ladder, grace_days = excluded.grace_days,
        attributes = excluded.attributes, voided = excluded.voided, submitted_at = excluded.submitted_at,
        quiet_until = excluded.quiet_until, announced = excluded.announced, announced_at = excluded.announced_at,
        updated_at = excluded.updated_at
), incoming_terms as (
    select * from jsonb_to_recordset($2::jsonb) as t (
        id uuid, revision integer, credential_id uuid, valid_from date, expires_on date, expiry text,
        time_zone text, starts_at timestamptz, expires_at timestamptz, recorded_at timestamptz,
        corrected_at timestamptz, announce_reached boolean, previous_term_id uuid, completed_on date,
        source_key text, notes text, known_from timestamptz, award_id uuid, expires_at_rule text,
        expires_at_time text, month_only boolean
    )
), believed_before as (
    update terms t set known_until = i.known_from
    from incoming_terms i where t.id = i.id and t.revision < i.revision and t.known_until is null
), saved_terms as (
    insert into terms (
        id, revision, credential_id, valid_from, expires_on, expiry, time_zone, starts_at, expires_at, recorded_at,
        corrected_at, announce_reached, previous_term_id, completed_on, source_key, notes, known_from, award_id,
        expires_at_rule, expires_at_time, month_only
    )
    select id, revision, credential_id, valid_from, expires_on, expiry, time_zone, starts_at, expires_at,
        recorded_at, corrected_at, announce_reached, previous_term_id, completed_on, source_key, notes, known_from,
        award_id, expires_at_rule, expires_at_time, month_only
    from incoming_terms
    on conflict (id, revision) do nothing
), saved_runs as (
    insert into runs (
        credential_id, ordinal, current_from, current_until, starts_at, expiring_at, expires_at, expires_on,
        term_id, term_revision
    )
    select credential_id, ordinal, current_from, current_until, starts_at, expiring_at, expires_at, expires_on,
        term_id, term_revision
    from jsonb_to_recordset($3::jsonb) as r (
        credential_id uuid, ordinal integer, current_from timestamptz, current_until timestamptz,
        starts_at timestamptz, expiring_at timestamptz, expires_at timestamptz, expires_on date,
        term_id uuid, term_revision integer
    )
    on conflict (credential_id, ordinal) do update set
        current_from = excluded.current_from, current_until = excluded.current_until,
        starts_at = excluded.starts_at, expiring_at = excluded.expiring_at, expires_at = excluded.expires_at,
        expires_on = excluded.expires_on, term_id = excluded.term_id, term_revision = excluded.term_revision
    where (runs.current_from, runs.current_until, runs.starts_at, runs.expiring_at, runs.expires_at,
            runs.expires_on, runs.term_id, runs.term_revision)
        is distinct from (excluded.current_from, excluded.current_until, excluded.starts_at,
            excluded.expiring_at, excluded.expires_at, excluded.expires_on, excluded.term_id,
            excluded.term_revision)
), dropped_runs as (
    delete from runs r using incoming i where r.credential_id = i.id and r.ordinal >= i.run_count
), saved_register as (
    insert into register (credential_id, validity, next_change_at, verified_until)
    select id, announced, next_change_at, verified_until from incoming
    on conflict (credential_id) do update set
        validity = excluded.validity, next_change_at = excluded.next_change_at,
        verified_until = excluded.verified_until
    where (register.validity, register.next_change_at, register.verified_until)
        is distinct from (excluded.validity, excluded.next_change_at, excluded.verified_until)
), incoming_flags as (
    select i.*, coalesce(f.revision, 0) + (
        f.id is null
        or (f.effective_from, f.until, f.reason) is distinct from (i.effective_from, i.until, i.reason)
    )::integer as revision
    from jsonb_to_recordset($4::jsonb) as i (
        id uuid, credential_id uuid, kind text, effective_from timestamptz, until timestamptz, reason text,
        note text, source_key text, known_from timestamptz
    )
    left join flags f on f.id = i.id and f.known_until is null
), flags_believed_before as (
    update flags f set known_until = i.known_from
    from incoming_flags i where f.id = i.id and f.revision < i.revision and f.known_until is null
), saved_flags as (
    insert into flags (
        id, revision, credential_id, kind, effective_from, until, reason, note, source_key, known_from
    )
    select id, revision, credential_id, kind, effective_from, until, reason, note, source_key, known_from
    from incoming_flags
    on conflict (id, revision) do nothing
), saved_images as (
    insert into images (
        id, credential_id, kind, sha256, generation, content_type, width, height, size, display_type,
        thumbnail_type, term_id, created_at
    )
    select id, credential_id, kind, sha256, generation, content_type, width, height, size, display_type,
        thumbnail_type, term_id, created_at
    from jsonb_to_recordset($5::jsonb) as m (
        id uuid, credential_id uuid, kind text, sha256 text, generation bigint, content_type text,
        width integer, height integer, size bigint, display_type text, thumbnail_type text, term_id uuid,
        created_at timestamptz
    )
    on conflict (id) do update set term_id = excluded.term_id
    where images.term_id is distinct from excluded.term_id
), saved_verifications as (
    insert into verifications (id, credential_id, term_id, checked_at, source, result, valid_until, actor, note)
    select id, credential_id, term_id, checked_at, source, result, valid_until, actor, note
    from jsonb_to_recordset($6::jsonb) as v (
        id uuid, credential_id uuid, term_id uuid, checked_at timestamptz, source text, result text,
        valid_until timestamptz, actor text, note text
    )
    on conflict (id) do nothing
)
insert into credential_history (
    credential_id, version, holder_id, type, event_type, details, reason, note, actor, at
)
select credential_id, version, holder_id, type, event_type, details, reason, note, actor, at
from jsonb_to_recordset($7::jsonb) as h (
    credential_id uuid, version bigint, holder_id uuid, type text, event_type text, details jsonb, reason text,
    note text, actor text, at timestamptz
);

-- name: withdraw_terms
-- Withdraw terms; their revisions stay in the history.
update terms t set known_until = w.at
from unnest($1::uuid[], $2::timestamptz[]) as w (id, at) where t.id = w.id and t.known_until is null;

-- name: move_terms
-- Write instants that were derived otherwise, with their rules; the terms, dates and revisions are the same.
update terms t set starts_at = moved.starts_at, expires_at = moved.expires_at,
    expires_at_rule = moved.expires_at_rule, expires_at_time = moved.expires_at_time
from unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[])
    as moved (id, revision, starts_at, expires_at, expires_at_rule, expires_at_time)
where t.id = moved.id and t.revision = moved.revision
    and (t.starts_at, t.expires_at, t.expires_at_rule, t.expires_at_time)
        is distinct from (moved.starts_at, moved.expires_at, moved.expires_at_rule, moved.expires_at_time);

-- name: credential_exists
-- Whether the credential exists.
select exists (select 1 from credentials where id = $1);

-- name: lock_outdated
-- Credentials of a type with an older version of its rules, a bounded number, locked until the transaction ends.
-- Locked ones are skipped: waiting for them while the type's replanning is claimed could deadlock.
select id from credentials where type = $1 and type_version < $2
order by type_version limit $3 for update skip locked;

-- name: lock_credentials_after
-- Ids of credentials in order, locked until the transaction ends, for a backfill.
select id from credentials where ($1::uuid is null or id > $1) order by id limit $2 for update;
