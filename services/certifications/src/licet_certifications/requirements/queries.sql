-- Requirements and all their versions.

-- name: lock_requirement
-- One requirement as it is, so that nobody else changes it meanwhile.
select state from requirements where id = $1 for update;

-- name: read_requirement
-- One requirement as it is.
select state from requirements where id = $1;

-- name: list_requirements
-- Requirements after an id, in order of ids; of one target or with one code, if one is given.
select state from requirements
where ($1::uuid is null or id > $1) and ($2::text is null or target = $2)
    and ($4::text is null or lower(state ->> 'code') = lower($4))
order by id
limit $3;

-- name: hold_codes
-- Keep others from giving codes to requirements until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.requirements.codes', 0));

-- name: read_other_with_code
-- The requirement, other than one, that has a code.
select id from requirements where lower(state ->> 'code') = lower($1) and id <> $2;

-- name: read_declared_types
-- The credential types that are called by some names, with what they declare.
select name, t.code, t.attributes
from unnest($1::text[]) as name
join credential_types t on t.code = name or name = any (t.aliases)
order by name, t.code = name, t.code;

-- name: page_requirements
-- Requirements after an id, locked so that no newer state gets into the outbox before.
select state from requirements where $1::uuid is null or id > $1 order by id limit $2 for update;

-- name: read_versions
-- Every version of a requirement, in order.
select state from requirement_versions where requirement_id = $1 order by version;

-- name: move_versions
-- Write the instants of versions that were derived again.
update requirement_versions v set state = moved.state
from unnest($1::uuid[], $2::bigint[], $3::jsonb[]) as moved (id, version, state)
where v.requirement_id = moved.id and v.version = moved.version;

-- name: count_after
-- How many requirements come after an id.
select count(*) from requirements where $1::uuid is null or id > $1;

-- name: save_requirement
-- Make a state the present one, keep it as a version for ever, and let its target be known.
with current as (
    insert into requirements (id, version, target, state)
    values ($1, $2, $3, $6::jsonb)
    on conflict (id) do update set
        version = excluded.version, target = excluded.target, state = excluded.state
), known as (
    insert into targets (target) values ($3) on conflict do nothing
)
insert into requirement_versions (requirement_id, version, target, types, match_jurisdiction, state)
values ($1, $2, $3, $4, $5, $6::jsonb);

-- name: note_requirement_change
-- Note that the timelines of all who have the target may differ now.
insert into changes (kind, subject, correlation_id, causation_id, traceparent)
values ('requirement', $1, $2, $3, $4)
on conflict (kind, subject, type) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;
