-- Training: sessions, prices, and who has a way to go in which programme.

-- name: lock_session
-- One session, held until the transaction ends.
select * from training_sessions where external_id = $1 for update;

-- name: read_session
-- One session.
select * from training_sessions where external_id = $1;

-- name: save_session
-- A session as it is now.
insert into training_sessions (
    external_id, version, programme, component, location, starts_at, seats, booked, price, currency, updated_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (external_id) do update set
    version = excluded.version, programme = excluded.programme, component = excluded.component,
    location = excluded.location, starts_at = excluded.starts_at, seats = excluded.seats,
    booked = excluded.booked, price = excluded.price, currency = excluded.currency,
    updated_at = excluded.updated_at;

-- name: delete_session
-- Forget a session.
delete from training_sessions where external_id = $1;

-- template: list_sessions
-- A page of sessions in the order in which they begin.
select * from training_sessions
where true
  and programme = :programme                                   --if programme
  and component = :component                                   --if component
  and location = :location                                     --if location
  and starts_at >= :start                                      --if start
  and (starts_at, external_id) > (:after_start, :after)        --if after
order by starts_at, external_id
limit :limit;

-- name: read_sessions_within
-- The sessions that begin within a window, in the order in which they begin.
select * from training_sessions where starts_at >= $1 and starts_at < $2 order by starts_at, external_id limit $3;

-- name: lock_price
-- The price of a component, held until the transaction ends.
select * from training_prices where programme = $1 and component = $2 for update;

-- name: save_price
-- The price of a component as it is now.
insert into training_prices (programme, component, version, price, currency, updated_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (programme, component) do update set
    version = excluded.version, price = excluded.price, currency = excluded.currency,
    updated_at = excluded.updated_at;

-- name: list_prices
-- Prices after a component, in order.
select * from training_prices where (programme, component) > ($1, $2) order by programme, component limit $3;

-- name: read_programme_types
-- What programmes issue.
select code, credential_type from programmes where credential_type is not null order by code;

-- name: read_open_work
-- The programmes that some holders are in, and the components that each has to do there or has done.
select holder_id, programme, state -> 'components' as components
from enrolments where holder_id = any ($1::uuid[]) and open;
