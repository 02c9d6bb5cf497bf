-- name: applied_revision
-- The revision that the database is at, as the migration tool keeps it.
select version_num from alembic_version;
