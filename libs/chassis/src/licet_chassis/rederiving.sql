-- name: read_progress
-- How far instants have been derived again.
select edition, deriving, source, after, changed from time_zones;

-- name: lock_progress
-- The same, held so that one instance derives at a time.
select edition, deriving, source, after, changed from time_zones for update skip locked;

-- name: ensure_progress
-- Make the row, where nothing is known of the edition.
insert into time_zones default values on conflict do nothing;

-- name: save_progress
-- Note how far instants have been derived again.
update time_zones set
    edition = $1, deriving = $2, source = $3, after = $4, changed = $5, updated_at = now();
