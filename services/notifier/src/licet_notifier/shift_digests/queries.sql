-- Booked shifts at risk, and the mails to supervisors about them.

-- name: upsert_risks
-- Keep the newest state of each shift ($1: JSON array); what comes at risk is to be told at `due_at`, what is
-- cleared is told to nobody.
insert into shift_risks as r (shift_id, version, holder_id, at_risk, starts_at, state, due_at)
select shift_id, version, holder_id, at_risk, starts_at, state, due_at
from jsonb_to_recordset($1::jsonb) as t (
    shift_id uuid, version bigint, holder_id uuid, at_risk boolean, starts_at timestamptz, state jsonb,
    due_at timestamptz
)
order by shift_id
on conflict (shift_id) do update set
    version = excluded.version, holder_id = excluded.holder_id, at_risk = excluded.at_risk,
    starts_at = excluded.starts_at, state = excluded.state, due_at = excluded.due_at
where r.version < excluded.version;

-- name: read_zones
-- The zones of the places where some holders work.
select h.id, p.time_zone
from holders h join places p on p.kind = 'location' and p.code = h.location
where h.id = any ($1::uuid[]) and p.time_zone is not null;

-- name: claim_due
-- Take risks that supervisors are to be told of now, with what is known of whose they are. Of a holder who is not
-- known yet nothing is told until a while before the shift.
select r.state, h.team, h.location, r.shift_id, h.id is not null as known
from shift_risks r left join holders h on h.id = r.holder_id
where r.due_at <= $1
order by r.due_at, r.shift_id
limit $2
for update of r skip locked;

-- name: mark_told
-- Note that mails about these risks are on their way, or that nobody is to be told of them.
update shift_risks set due_at = null where shift_id = any ($1::uuid[]);

-- name: postpone_risks
-- Look at these risks again later.
update shift_risks set due_at = $2 where shift_id = any ($1::uuid[]);

-- name: read_supervisors
-- The supervisors of some teams.
select p.code as team, h.id, h.name,
    case when not exists (select from bounces b where b.hard and b.address = lower(h.email)) then h.email end as email,
    h.time_zone, h.active, l.time_zone as location_zone
from places p
cross join unnest(p.supervisor_ids) as supervisor (id)
join holders h on h.id = supervisor.id
left join places l on l.kind = 'location' and l.code = h.location
where p.kind = 'team' and p.code = any ($1::text[])
order by p.code, h.id;

-- name: read_places
-- Names and fallback addresses of a team ($1) and of a location ($2), the team first.
select kind, name, fallback_email, time_zone from places
where (kind = 'team' and code = $1) or (kind = 'location' and code = $2)
order by kind desc;

-- name: insert_digests
-- Note mails to be sent, and what each is about; one that is noted already stands.
with noted as (
    insert into shift_digests (
        id, team, role, recipient_id, address, time_zone, urgent, state, reason, next_try, created_at, updated_at
    )
    select id, team, role, recipient_id, address, time_zone, urgent, state, reason, $3, $2, $2
    from jsonb_to_recordset($1::jsonb) as t (
        id uuid, team text, role text, recipient_id uuid, address text, time_zone text, urgent boolean,
        state text, reason text
    )
    on conflict do nothing
    returning id
)
insert into shift_digest_items (digest_id, shift_id, version, holder_id)
select noted.id, item.shift_id, item.version, item.holder_id
from noted
join jsonb_to_recordset($1::jsonb) as t (id uuid, items jsonb) on t.id = noted.id
cross join jsonb_to_recordset(t.items) as item (shift_id uuid, version bigint, holder_id uuid);

-- name: claim_pending
-- Take mails that are to be tried now (machine time).
select d.*, p.name as team_name
from shift_digests d left join places p on p.kind = 'team' and p.code = d.team
where d.state = 'pending' and d.next_try <= $1
order by d.created_at, d.id
limit $2
for update of d skip locked;

-- name: lock_items
-- Of what some mails are about, that which is still so: each risk as it was when the mail was made, of a shift
-- that has yet to begin. What clears one is applied before the mail is begun, or after.
select i.digest_id, r.state, h.name as holder_name
from shift_digest_items i
join shift_risks r on r.shift_id = i.shift_id and r.version = i.version
left join holders h on h.id = r.holder_id
where i.digest_id = any ($1::uuid[]) and r.at_risk and r.starts_at > $2
order by r.shift_id
for share of r;

-- name: lock_supervisors
-- Those who would get the mails, as they are now.
select id, name,
    case when not exists (select from bounces b where b.hard and b.address = lower(email)) then email end as email,
    active, locale
from holders where id = any ($1::uuid[]) order by id for share;

-- name: mark_sending
-- Begin a mail under a lease: whoever sees it run out knows that its outcome is unknown.
update shift_digests set
    state = 'sending', attempts = attempts + 1, lease_until = $2, message_id = $3, template_version = $4,
    address = $5, updated_at = $6
where id = $1;

-- name: hold
-- Let a stop hold a mail that would have left.
update shift_digests set state = 'held', stop_id = $2, updated_at = $3 where id = $1;

-- name: record_outcome
-- Note what an attempt came to, unless another one is counted in its place.
update shift_digests set
    state = $3, reason = $4, smtp_status = $5, smtp_answer = $10, unknown_attempts = unknown_attempts + $6,
    uncharged_attempts = uncharged_attempts + $9, next_try = coalesce($7, next_try), lease_until = null,
    updated_at = $8
where id = $1 and attempts = $2 and state in ('pending', 'sending');

-- name: claim_lost
-- Take mails whose sender was lost between handing over and noting the outcome.
select id, attempts, uncharged_attempts, unknown_attempts from shift_digests
where state = 'sending' and lease_until < $1
order by lease_until limit $2 for update skip locked;

-- name: count_leaving
-- Risks that are to be told of now, and mails that wait or are on their way.
select
    (select count(*) from shift_risks where due_at <= $1)
    + (select count(*) from shift_digests where state in ('pending', 'sending'));

-- name: next_due
-- The next business time at which supervisors are to be told of a risk.
select min(due_at) from shift_risks where due_at > $1;

-- name: list_digests
-- Mails about shifts, newest first, before a place ($1, $2); of some teams ($3).
select d.*, d.attempts - d.uncharged_attempts as counted_attempts, array(
    select i.shift_id from shift_digest_items i where i.digest_id = d.id order by i.shift_id
) as shift_ids
from shift_digests d
where ($1::timestamptz is null or (d.created_at, d.id) < ($1, $2::uuid))
    and ($3::text[] is null or d.team = any ($3))
order by d.created_at desc, d.id desc
limit $4;

-- name: forget_holder
-- Delete the risks of a holder's shifts, and that mails were about them; and what was sent to the holder.
with risks as (
    delete from shift_risks where holder_id = $1
), about as (
    delete from shift_digest_items where holder_id = $1
), told as (
    delete from shift_digest_items where digest_id in (select id from shift_digests where recipient_id = $1)
)
delete from shift_digests where recipient_id = $1;
