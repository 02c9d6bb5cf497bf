-- Audit schedules.

-- name: insert_schedule
-- Write a new schedule.
insert into audit_schedules (id, version, made_by, state) values ($1, $2, $3, $4);

-- name: save_schedule
-- Keep a schedule's next version, with why its last period has no audit.
update audit_schedules set version = $2, state = $3, problem = $4 where id = $1;

-- name: read_schedule
-- One schedule.
select state, made_by, problem from audit_schedules where id = $1;

-- name: lock_schedule
-- One schedule, held against other commands until the transaction ends.
select state, made_by, problem from audit_schedules where id = $1 for update;

-- name: list_schedules
-- A page of schedules, oldest first, after an id ($1).
select state, made_by, problem from audit_schedules where $1::uuid is null or id > $1 order by id limit $2;

-- name: page_schedules
-- Schedules after an id in order, locked so that no newer state gets into the outbox before.
select state from audit_schedules where $1::uuid is null or id > $1 order by id limit $2 for update;
