-- Audits and their schedules are about no single holder.
alter table credentials alter column holder_id drop not null;
