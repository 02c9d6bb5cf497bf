-- The stretches in which holders may do the work, and the note that a pair's timelines have changed.

-- name: drop_spans
-- Delete the stretches of some pairs ($1, $2) that are not among the new ones ($3: JSON array).
delete from eligible_spans s
using unnest($1::uuid[], $2::text[]) as pair (holder_id, target)
where s.holder_id = pair.holder_id and s.target = pair.target and not exists (
    select from jsonb_to_recordset($3::jsonb) as t (
        holder_id uuid, target text, location text, starts_at timestamptz
    )
    where t.holder_id = s.holder_id and t.target = s.target and t.location = s.location
        and t.starts_at = s.starts_at
);

-- name: save_spans
-- Write the stretches of some pairs ($1: JSON array); one that is as it was is left alone.
insert into eligible_spans as s (holder_id, target, location, starts_at, ends_at, elsewhere)
select holder_id, target, location, starts_at, ends_at, elsewhere
from jsonb_to_recordset($1::jsonb) as t (
    holder_id uuid, target text, location text, starts_at timestamptz, ends_at timestamptz, elsewhere text[]
)
order by holder_id, target, location, starts_at
on conflict (holder_id, target, location, starts_at) do update set
    ends_at = excluded.ends_at, elsewhere = excluded.elsewhere
where (s.ends_at, s.elsewhere) is distinct from (excluded.ends_at, excluded.elsewhere);

-- name: queue_reviews
-- Note pairs whose timelines have changed or that have new bookings ($1: JSON array), with the last cause.
insert into shift_reviews (holder_id, target, correlation_id, causation_id, traceparent)
select holder_id, target, correlation_id, causation_id, traceparent
from jsonb_to_recordset($1::jsonb) as t (
    holder_id uuid, target text, correlation_id text, causation_id text, traceparent text
)
order by holder_id, target
on conflict (holder_id, target) do update set
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
    traceparent = excluded.traceparent;

-- name: forget_holder
-- Delete the stretches of a holder and the notes about it.
with queued as (
    delete from shift_reviews where holder_id = $1
)
delete from eligible_spans where holder_id = $1;
