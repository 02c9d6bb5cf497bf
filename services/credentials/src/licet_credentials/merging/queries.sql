-- name: lock_credentials
-- Ids of a holder's credentials in the order of entry, without voided ones, a bounded number, locked until the
-- transaction ends. A credential that another transaction is just moving away is waited for, and then is not
-- among them.
select id from credentials where holder_id = $1 and not voided order by id limit $2 for update;

-- name: take_over_feed_date
-- Keep the later of the two dates on which a feed last named the duplicate $1 and the survivor $2.
update holders h set named_at = greatest(h.named_at, d.named_at)
from holders d where d.id = $1 and h.id = $2 and d.named_at is not null;
