-- The mail server's words to the last attempt. `attempts` tells one attempt from another and only grows; those that the
-- server's own trouble ended are counted in `uncharged_attempts` and use up none of what a mail may have.
alter table notifications add column smtp_answer text;
alter table notifications add column uncharged_attempts integer not null default 0;
-- How often an operator had it sent again after it had failed.
alter table notifications add column resent integer not null default 0;
create index notifications_failed on notifications (updated_at, id) where state = 'failed';

alter table shift_digests add column smtp_answer text;
alter table shift_digests add column uncharged_attempts integer not null default 0;
