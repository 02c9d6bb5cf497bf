alter table imports
    add column skipped_lines int not null default 0,
    add column warnings text[] not null default '{}';
