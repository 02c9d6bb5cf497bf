-- name: read_clock
-- The offset of business time, if one was ever set.
select time_offset, set_to from business_clock;

-- name: write_clock
-- Keep the offset over restarts; it only grows, whoever sets it. Returns nothing if it would not.
insert into business_clock (time_offset, set_to) values ($1, $2)
on conflict (only_row) do update set time_offset = excluded.time_offset, set_to = excluded.set_to
where business_clock.time_offset < excluded.time_offset
returning true;
