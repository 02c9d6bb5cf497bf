-- Steps before a term or in its first tenth are no longer told, so that `expiring` begins later where the ladder is
-- longer than the term. The credentials that this moves are replanned as if their type had changed: version 0 is older
-- than any, and makes an event of it even where the ladder is the same.
update credentials c set type_version = 0
where not c.voided and c.announced <> 'expired' and exists (
    select from runs r join terms t on t.id = r.term_id and t.revision = r.term_revision
    where r.credential_id = c.id and t.valid_from is not null and t.expires_on is not null
      and exists (
          select from unnest(c.ladder) as step
          where step > 0 and (t.expires_on - step - t.valid_from) * 10 < t.expires_on - t.valid_from + 1
      )
);
insert into replannings (type, since, done)
select distinct type, now(), 0 from credentials where type_version = 0
on conflict (type) do nothing;
