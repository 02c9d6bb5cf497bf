-- How the printed expiry date is meant: `end_of_day`, `start_of_day`, or `at_time` with the local time, HH:MM.
alter table credential_types add column expires_at_rule text not null default 'end_of_day';
alter table credential_types add column expires_at_time text;
-- Whether a term whose end follows from a rule lasts through the end of that month.
alter table credential_types add column end_of_month boolean not null default false;

-- Of each revision of a term: the rule from which its expires_at was derived.
alter table terms add column expires_at_rule text not null default 'end_of_day';
alter table terms add column expires_at_time text;
-- Whether the document prints only the month; expires_on is its last day.
alter table terms add column month_only boolean not null default false;
