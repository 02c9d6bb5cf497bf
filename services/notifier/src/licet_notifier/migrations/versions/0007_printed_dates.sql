-- By the term whose end is a run's, where its printed date is not simply the last valid day: the rule, its time,
-- and the month where only that is printed. Beside `runs`, because builds before read every part of these.
alter table credentials add column ends jsonb not null default '{}';
