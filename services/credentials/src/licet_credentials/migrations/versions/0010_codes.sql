-- What differs in case alone until now stays: of several spellings the one that is asked for comes first.
create index credential_type_names_folded on credential_type_names (lower(name));
create index locations_folded on locations (lower(code));
create index teams_folded on teams (lower(code));

create function folded_codes(codes text[]) returns text[] language sql immutable parallel safe
    return string_to_array(lower(array_to_string(codes, ' ')), ' ');

create index holders_folded_roles on holders using gin (folded_codes(roles));
create index holders_folded_queues on holders using gin (folded_codes(queues));
-- A role that a dozen of many thousands have must be told from one that hundreds have.
alter index holders_folded_roles alter column 1 set statistics 1000;
alter index holders_folded_queues alter column 1 set statistics 1000;
drop index holders_roles;
drop index holders_queues;
