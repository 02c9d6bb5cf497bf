-- What a row of `credentials` is about: a credential, or an enrolment. The name of the table, and that of the
-- columns `credential_id` and `credential_version` of `timers` and `decisions`, are those of the first release,
-- whose processes may still run; a later release renames them.
alter table credentials add column subject text not null default 'credential';
