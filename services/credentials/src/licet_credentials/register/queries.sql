-- template: find_credentials
-- Ids of a page of credentials, with what the page is sorted by. Validity is that at :now: what the register
-- says until the next change; of those behind it :late has the right ones, or else each is computed.
select c.id
    , c.name as key --if name_up, name_down
    , coalesce(r.expires_on, date 'infinity') as key --if expires_on_up, expires_on_down
    , h.name as key, h.id as holder_id --if holder_up, holder_down
from credentials c
--if team, location, teams, locations, named_1, named_2, named_3, holder_up, holder_down, after_holder_up, after_holder_down
join holders h on h.id = c.holder_id
--end
join register x on x.credential_id = c.id --if validity, verified, ended, never
--if expires_from, expires_to, expires_on_up, expires_on_down, after_expires_on_up, after_expires_on_down, not_before
join runs r on r.credential_id = c.id and r.current_from <= :now and :now < r.current_until
--end
where not c.voided
  and c.holder_id = :holder_id --if holder_id
  and c.type = :type --if type
  and c.type = any(:types) --if types
  and h.team = :team --if team
  and h.location = :location --if location
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and c.country = :country --if country
  and c.subdivision = :subdivision --if subdivision
  and coalesce(r.expires_on, date 'infinity') >= :expires_from --if expires_from
  and coalesce(r.expires_on, date 'infinity') < 'infinity' --if expires_from
  and coalesce(r.expires_on, date 'infinity') <= :expires_to --if expires_to
  and c.id = any(:ending) --if ending
  and x.verified_until > :now --if verified
  and x.verified_until > '-infinity' and x.verified_until <= :now --if ended
  and x.verified_until = '-infinity' --if never
  --if validity
  and (x.validity = any(:validity) and x.next_change_at > :now
    or x.credential_id = any(:late) --if late
    or x.next_change_at <= :now and validity_at(x.credential_id, :now) = any(:validity) --if all_late
  )
  --end
  and coalesce(r.expires_on, date 'infinity') >= :not_before --if not_before
  and c.attributes <> '{}' and c.attributes @> any(:attributes::jsonb[]) --if attributes
  --if word_1
  and (searchable(c.name) like any(:word_1) or searchable(c.number) like any(:word_1)
    or c.holder_id = any(:held_1) --if held_1
    or searchable(h.name) like any(:word_1) or searchable(h.external_id) like any(:word_1) --if named_1
  )
  --end
  --if word_2
  and (searchable(c.name) like any(:word_2) or searchable(c.number) like any(:word_2)
    or c.holder_id = any(:held_2) --if held_2
    or searchable(h.name) like any(:word_2) or searchable(h.external_id) like any(:word_2) --if named_2
  )
  --end
  --if word_3
  and (searchable(c.name) like any(:word_3) or searchable(c.number) like any(:word_3)
    or c.holder_id = any(:held_3) --if held_3
    or searchable(h.name) like any(:word_3) or searchable(h.external_id) like any(:word_3) --if named_3
  )
  --end
  and c.id > :after_id --if after_id_up
  and c.id < :after_id --if after_id_down
  and (people_order(c.name) collate "C", c.id) > (people_order(:after) collate "C", :after_id) --if after_name_up
  and (people_order(c.name) collate "C", c.id) < (people_order(:after) collate "C", :after_id) --if after_name_down
  and (coalesce(r.expires_on, date 'infinity'), r.credential_id) > (:after_day, :after_id) --if after_expires_on_up
  and (coalesce(r.expires_on, date 'infinity'), r.credential_id) < (:after_day, :after_id) --if after_expires_on_down
  --if after_holder_up
  and (people_order(h.name) collate "C", h.id) >= (people_order(:after) collate "C", :after_holder)
  and (people_order(h.name) collate "C", h.id, c.id) > (people_order(:after) collate "C", :after_holder, :after_id)
  --end
  --if after_holder_down
  and (people_order(h.name) collate "C", h.id) <= (people_order(:after) collate "C", :after_holder)
  and (people_order(h.name) collate "C", h.id, c.id) < (people_order(:after) collate "C", :after_holder, :after_id)
  --end
order by
    people_order(c.name) collate "C", --if name_up
    people_order(c.name) collate "C" desc, --if name_down
    coalesce(r.expires_on, date 'infinity'), --if expires_on_up
    coalesce(r.expires_on, date 'infinity') desc, --if expires_on_down
    people_order(h.name) collate "C", h.id, --if holder_up
    people_order(h.name) collate "C" desc, h.id desc, --if holder_down
    c.id --unless backwards
    c.id desc --if backwards
limit :limit;

-- template: late_credentials
-- Credentials whose validity time has changed since it was announced, and what it is now.
select credential_id, validity_at(credential_id, :now) as validity
from register where next_change_at <= :now limit :limit;

-- template: ending_credentials
-- Credentials that end on some days.
select r.credential_id from runs r
where r.current_from <= :now and :now < r.current_until
  and coalesce(r.expires_on, date 'infinity') >= :expires_from --if expires_from
  and coalesce(r.expires_on, date 'infinity') < 'infinity' --if expires_from
  and coalesce(r.expires_on, date 'infinity') <= :expires_to --if expires_to
limit :limit;

-- template: holders_with
-- Holders whose name or external id has the word, for a search of credentials.
select id from holders where searchable(name) like any(:word) or searchable(external_id) like any(:word) limit :limit;

-- name: types_meant
-- The types of a category, or the one that a code or an alias names.
select code from credential_types
where ($1::text is null or code = (
    select type from credential_type_names where lower(name) = lower($1) order by name = $1 desc limit 1
))
  and ($2::text is null or category = $2);

-- name: read_lines
-- Credentials as lines of a file, with their holders and present terms: what a list shows, without parts of
-- which there may be several.
select c.id, c.version, c.holder_id, h.external_id as holder_external_id, h.name as holder_name, h.team,
    h.location, c.type, t.category, c.name, c.number, c.country, c.subdivision, c.issuer, c.issued_on,
    x.validity, x.next_change_at <= $2 as late, r.expires_on as run_expires_on, term.valid_from, term.expires_on,
    case when term.month_only then to_char(term.expires_on, 'YYYY-MM') end as expires_on_month, term.expires_at,
    term.expires_at_rule, term.expires_at_time, term.expiry, term.time_zone,
    case when x.verified_until = '-infinity' then 'never' when x.verified_until > $2 then 'verified' else 'ended'
    end as verification,
    case when isfinite(x.verified_until) then x.verified_until end as verified_until,
    c.attributes, c.notes, c.created_at, c.updated_at
from unnest($1::uuid[]) with ordinality as wanted (id, place)
join credentials c on c.id = wanted.id
join holders h on h.id = c.holder_id
join credential_types t on t.code = c.type
join register x on x.credential_id = c.id
join runs r on r.credential_id = c.id and r.current_from <= $2 and $2 < r.current_until
join terms term on term.id = r.term_id and term.revision = r.term_revision
order by wanted.place;
