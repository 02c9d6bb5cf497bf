-- Jobs on many holders or enrolments, and what came of each.

-- name: insert_job
-- A job, as yet without rows.
insert into enrolment_jobs (id, kind, state, request, dry_run, actor, scopes, teams, locations, created_at)
values ($1, $2, 'running', $3::jsonb, $4, $5, $6, $7, $8, $9);

-- name: insert_rows
-- The rows of a job in the order of arrays: holders, programmes, and why a row is refused already.
insert into enrolment_job_rows (job_id, ordinal, holder_id, programme, outcome, detail)
select $1, place, holder_id, programme, case when refused is not null then 'refused' end, refused
from unnest($2::uuid[], $3::text[], $4::text[]) with ordinality as t (holder_id, programme, refused, place);

-- name: insert_enrolments
-- Every open enrolment of a programme that is on another version than $3, in the order of their ids.
insert into enrolment_job_rows (job_id, ordinal, holder_id, programme, enrolment_id)
select $1, row_number() over (order by id), holder_id, programme, id
from enrolments where programme = $2 and open and programme_version <> $3;

-- name: count_rows
-- Note how many rows a job has.
update enrolment_jobs set total = (select count(*) from enrolment_job_rows where job_id = $1) where id = $1;

-- template: holders_for
-- Active holders whom a filter finds and a token sees, in the order of their ids.
select h.id from holders h
where h.active and h.merged_into is null
  and h.team = :team --if team
  and h.location = :location --if location
  and h.targets @> :role --if role
  and h.targets @> :queue --if queue
  and exists (select from credentials c where c.holder_id = h.id and c.type = :credential_type) --if credential_type
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
order by h.id
limit :limit;

-- name: holders_called
-- The holders with external ids in their comparison form; whoever was merged leads to whom they were merged into.
select external_key, coalesce(merged_into, id) as id from holders where external_key = any($1::text[]);

-- name: read_job
-- One job, with how many rows came to what; for a token that sees no less than whoever asked for it.
select j.id, j.kind, j.state, j.request, j.dry_run, j.actor, j.total, j.created_at, j.finished_at, (
    select coalesce(jsonb_object_agg(what, number), '{}') from (
        select outcome || case when complete then '_complete' else '' end as what, count(*) as number
        from enrolment_job_rows where job_id = j.id and outcome is not null group by 1
    ) counted
) as counts
from enrolment_jobs j
where j.id = $1
  and ($2::text[] is null or j.teams <@ $2) and ($3::text[] is null or j.locations <@ $3);

-- name: list_jobs
-- A page of jobs, the latest first.
select j.id, j.kind, j.state, j.request, j.dry_run, j.actor, j.total, j.created_at, j.finished_at, (
    select coalesce(jsonb_object_agg(what, number), '{}') from (
        select outcome || case when complete then '_complete' else '' end as what, count(*) as number
        from enrolment_job_rows where job_id = j.id and outcome is not null group by 1
    ) counted
) as counts
from enrolment_jobs j
where ($1::uuid is null or j.id < $1)
  and ($2::text[] is null or j.teams <@ $2) and ($3::text[] is null or j.locations <@ $3)
order by j.id desc limit $4;

-- name: open_jobs
-- Jobs that are not finished, the oldest first.
select id, actor from enrolment_jobs where state = 'running' order by id limit $1;

-- name: hold_running
-- A job that runs; it is neither cancelled nor finished until the transaction ends.
select kind, request, dry_run, actor, scopes, teams, locations
from enrolment_jobs where id = $1 and state = 'running' for share;

-- name: claim_row
-- The next row of a job that waits and that nobody has in hand.
select ordinal, holder_id, programme, enrolment_id from enrolment_job_rows
where job_id = $1 and outcome is null order by ordinal limit 1 for update skip locked;

-- name: finish_row
-- What came of one row.
update enrolment_job_rows set
    outcome = $3, detail = $4, enrolment_id = coalesce($5, enrolment_id), status = $6, complete = $7, missing = $8
where job_id = $1 and ordinal = $2;

-- name: finish_job
-- A job is finished once nothing of it waits; what another instance has in hand still does.
update enrolment_jobs set state = 'finished', finished_at = $2
where id = $1 and state = 'running'
  and not exists (select from enrolment_job_rows where job_id = $1 and outcome is null);

-- name: cancel_job
-- End a job; what is done stays.
update enrolment_jobs set state = 'cancelled', finished_at = $2 where id = $1 and state = 'running';

-- name: list_rows
-- A page of what came of a job's rows.
select ordinal, holder_id, programme, enrolment_id, outcome, detail, status, complete, missing
from enrolment_job_rows
where job_id = $1 and ordinal > $2 and ($3::text is null or outcome = $3)
  and ($4::boolean is null or complete = $4)
order by ordinal limit $5;

-- name: count_open
-- How many jobs are not finished.
select count(*) from enrolment_jobs where state = 'running';

-- name: forget_holder
-- Delete what jobs say of a holder.
delete from enrolment_job_rows where holder_id = $1;
