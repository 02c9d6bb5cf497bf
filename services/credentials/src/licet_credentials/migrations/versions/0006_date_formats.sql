alter table imports
    add column typed boolean not null default false,
    add column date_formats text[];
