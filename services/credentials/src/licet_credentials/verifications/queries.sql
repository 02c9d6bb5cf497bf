-- name: list_verifications
-- A page of the checks of a credential, the latest first.
select * from verifications
where credential_id = $1
  and ($2::timestamptz is null or (checked_at, id) < ($2, $3::uuid))
order by checked_at desc, id desc limit $4;

-- template: list_due
-- Credentials whose latest check confirmed and no longer holds at :before, the longest ended first.
select x.credential_id as id, x.verified_until
from register x
join credentials c on c.id = x.credential_id
join holders h on h.id = c.holder_id --if team, location, teams, locations
where x.verified_until > '-infinity' and x.verified_until <= :before
  and not c.voided
  and c.type in (select type from credential_type_names where lower(name) = lower(:type)) --if type
  and h.team = :team --if team
  and h.location = :location --if location
  and h.team = any(:teams) --if teams
  and h.location = any(:locations) --if locations
  and (x.verified_until, x.credential_id) > (:after, :after_id) --if after
order by x.verified_until, x.credential_id
limit :limit;
