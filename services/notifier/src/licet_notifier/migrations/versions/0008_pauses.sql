-- A mail that is skipped for a reason that may cease is decided on again at `look_again_at` (business time): when the
-- pause ends, or when something new arrives; at the last day of the calendar if only news can end the reason.
alter table notifications add column look_again_at timestamptz;
create index notifications_resting on notifications (look_again_at, id) where look_again_at is not null;
create index notifications_resting_of_credential on notifications (credential_id) where look_again_at is not null;
create index notifications_resting_of_enrolment on notifications (enrolment_id) where look_again_at is not null;
create index notifications_resting_of_holder on notifications (holder_id) where look_again_at is not null;

-- When the next step or the end takes the place of what was announced; null in old events.
alter table notices add column next_at timestamptz;
