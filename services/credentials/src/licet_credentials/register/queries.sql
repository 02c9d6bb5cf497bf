-- name: list_credentials
-- A page of credentials in the order of their ids, which is that of their entry. Validity is that at $1,
-- by the same rules as `validity.py`.
select c.id
from credentials c
join holders h on h.id = c.holder_id
join credential_types t on t.code = c.type
left join lateral (
    select * from runs r where r.credential_id = c.id
    order by r.starts_at <= $1 desc, case when r.starts_at <= $1 then r.ordinal end desc, r.ordinal limit 1
) run on true
left join lateral (
    select f.kind from flags f
    where f.credential_id = c.id and f.known_until is null and f.effective_from <= $1 and (f.until is null or $1 < f.until)
    order by array_position(array['revoked', 'surrendered', 'suspended'], f.kind) limit 1
) flag on true
where not c.voided
  and ($2::uuid is null or c.id > $2)
  and ($3::text[] is null or case
        when flag.kind is not null then flag.kind
        when run.ordinal is null then 'incomplete'
        when $1 < run.starts_at then 'pending'
        when run.expires_at <= $1 then 'expired'
        when run.expiring_at <= $1 then 'expiring'
        else 'active'
      end = any($3))
  and ($4::text is null or c.type = $4)
  and ($5::text is null or t.category = $5)
  and ($6::uuid is null or c.holder_id = $6)
  and ($7::text is null or h.team = $7)
  and ($8::text is null or h.location = $8)
  and ($9::text is null or c.country = $9)
  and ($10::text is null or c.subdivision = $10)
  and ($11::date is null or run.expires_on >= $11)
  and ($12::date is null or run.expires_on <= $12)
  and ($13::text is null or c.name ilike $13 or c.number ilike $13 or h.name ilike $13)
order by c.id limit $14;
