-- Tables that every service has, version 2. A service's migration runs this file by its name.

-- By which edition of the time zone database every instant that follows from a civil date was derived; how far
-- deriving them again by a newer one has come. No row: nothing is known of the edition.
create table time_zones (
    only_row boolean primary key default true check (only_row),
    edition text,
    deriving text,
    source text,
    after uuid,
    changed bigint not null default 0,
    updated_at timestamptz not null default now()
);
