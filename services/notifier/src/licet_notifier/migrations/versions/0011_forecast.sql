-- Every instant of a credential at which time alone changes something, and the days on which they lie (UTC, since
-- 1970). Credentials that were learned before this have neither until they are told again (`licet backfill`).
alter table credentials add column plan jsonb;
alter table credentials add column days integer[];
create index credentials_days on credentials using gin (days);
