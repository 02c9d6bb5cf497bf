-- name: insert_bulk
-- Insert a job with its credentials, which are processed in the order of their ids.
with job as (
    insert into bulks (id, state, action, dry_run, actor, teams, locations, total, created_at)
    values ($1, 'running', $2, $3, $4, $5, $6, cardinality($7::uuid[]), $8)
    returning id
)
insert into bulk_rows (bulk_id, ordinal, credential_id)
select job.id, row_number() over (order by wanted.id), wanted.id
from job cross join unnest($7::uuid[]) as wanted (id);

-- name: read_bulk
-- One job, with its credentials counted by outcome.
select b.*, (
    select coalesce(jsonb_object_agg(outcome, number), '{}') from (
        select outcome, count(*) as number from bulk_rows
        where bulk_id = b.id and outcome is not null group by outcome
    ) counted
) as counts
from bulks b where b.id = $1;

-- name: list_bulks
-- A page of jobs, the latest first, whose submitters saw no more than teams $1 and locations $2.
select b.*, (
    select coalesce(jsonb_object_agg(outcome, number), '{}') from (
        select outcome, count(*) as number from bulk_rows
        where bulk_id = b.id and outcome is not null group by outcome
    ) counted
) as counts
from bulks b
where ($1::text[] is null or b.teams <@ $1) and ($2::text[] is null or b.locations <@ $2)
  and ($3::uuid is null or b.id < $3)
order by b.id desc limit $4;

-- name: open_bulks
-- Running jobs, the oldest first.
select id, actor from bulks where state = 'running' order by id limit $1;

-- name: hold_running
-- Lock a running job, so that it is neither cancelled nor finished before the transaction ends.
select action, dry_run, teams, locations from bulks where id = $1 and state = 'running' for share;

-- name: claim_row
-- Claim the next pending credential of a job, skipping those that other instances have claimed.
select ordinal, credential_id from bulk_rows
where bulk_id = $1 and outcome is null order by ordinal limit 1 for update skip locked;

-- name: hold_numbers
-- Lock the numbers of a job: no other credential of it can take one until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.bulk/' || $1::uuid, 0));

-- name: number_taken
-- The number that a credential has after a dry run, as a hash that includes the scope in which it is unique,
-- and the credential of the job that took it before.
select held.key, held.number, taken.credential_id as other
from (
    select number, md5(concat_ws(chr(31), type, number_scope, number_key(number_scope, number)))::uuid as key
    from credentials where id = $2 and number_scope is not null and number is not null and not voided
) held
left join bulk_rows taken on taken.bulk_id = $1 and taken.takes = held.key
limit 1;

-- name: finish_row
-- Store the outcome for one credential.
update bulk_rows set outcome = $3, detail = $4, changes = $5, takes = $6 where bulk_id = $1 and ordinal = $2;

-- name: finish_bulk
-- Finish a job unless a credential is pending; one that another instance has claimed still is.
update bulks set state = 'finished', finished_at = $2
where id = $1 and state = 'running'
  and not exists (select from bulk_rows where bulk_id = $1 and outcome is null);

-- name: cancel_bulk
-- Cancel a running job; outcomes so far stay.
update bulks set state = 'cancelled', finished_at = $2 where id = $1 and state = 'running';

-- name: list_rows
-- A page of the report of a job.
select ordinal, credential_id, outcome, detail, changes from bulk_rows
where bulk_id = $1 and ordinal > $2 and ($3::text is null or outcome = $3) order by ordinal limit $4;

-- name: count_open
-- Number of running jobs.
select count(*) from bulks where state = 'running';
