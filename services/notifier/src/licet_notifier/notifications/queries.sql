-- name: keep_notice
-- Note what the scheduler announced; an event that is known already changes nothing. Returns the latest
-- instant of the same term among the other notices.
with noted as (
    insert into notices (
        event_id, event_name, credential_id, holder_id, credential_version, term_id, term_revision, at, notify,
        expires_on, time_zone, step, correlation_id, traceparent, next_at
    ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    on conflict do nothing
)
select max(at) from notices
where credential_id = $3 and term_id is not distinct from $6 and term_revision = $7 and notify and event_id <> $1;

-- name: keep_enrolment_notice
-- Note an event of an enrolment; one that is known already changes nothing. Returns the latest instant of the
-- same kind of mail among the other notices.
with noted as (
    insert into enrolment_notices (
        event_id, event_name, mail, enrolment_id, enrolment_version, holder_id, at, step, renewal, correlation_id,
        traceparent
    ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict do nothing
)
select max(at) from enrolment_notices where enrolment_id = $4 and mail = $3 and event_id <> $1;

-- name: keep_decisions
-- Note the decisions about one notice; one that was made before stands. Returns the new ones.
insert into notifications (
    id, event_id, credential_id, enrolment_id, holder_id, told, decider_id, channel, role, recipient_id, detour,
    state, reason, not_before, next_try, template, circle, fixed_address, after_days, rule, policy_version,
    digest_id, created_at, updated_at, look_again_at
)
select id, $2, $3, $16, $4, told, decider_id, $5, role, recipient_id, detour, state, reason, not_before, $6,
    template, circle, fixed_address, after_days, rule, $7, digest_id, $8, $8, look_again_at
from unnest(
    $1::uuid[], $9::text[], $10::text[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
    $17::uuid[], $18::text[], $19::text[], $20::smallint[], $21::text[], $22::text[], $23::timestamptz[],
    $24::uuid[]
) as decided (
    id, told, role, recipient_id, detour, state, reason, not_before, decider_id, circle, fixed_address,
    after_days, rule, template, look_again_at, digest_id
)
on conflict do nothing
returning id;

-- name: claim_due
-- Take mails that may leave now ($1, business time) and are to be tried now ($2, machine time); other
-- deliveries take others. Those of digests ($4), or, where that is null, those that leave alone.
select n.id, n.told, n.decider_id, n.role, n.circle, n.fixed_address, n.after_days, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.not_before, n.silenced, n.digest_id, n.created_at,
    n.reason, n.version,
    notice.*,
    (
        select max(later.at) from notices later
        where later.credential_id = notice.credential_id and later.term_id is not distinct from notice.term_id
          and later.term_revision = notice.term_revision and later.notify
    ) as later_notice_at
from notifications n join notices notice using (event_id)
where n.state = 'pending' and n.not_before <= $1 and n.next_try <= $2
  and case when $4::uuid[] is null then n.digest_id is null else n.digest_id = any($4) end
order by n.not_before, n.id
limit $3
for update of n skip locked;

-- name: claim_due_of_enrolments
-- Take mails about enrolments that may leave now ($1, business time) and are to be tried now ($2, machine time);
-- other deliveries take others.
select n.id, n.told, n.decider_id, n.role, n.circle, n.fixed_address, n.after_days, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.not_before, n.silenced, n.digest_id, n.created_at,
    n.reason, n.version,
    notice.*,
    (
        select max(later.at) from enrolment_notices later
        where later.enrolment_id = notice.enrolment_id and later.mail = notice.mail
    ) as later_notice_at
from notifications n join enrolment_notices notice using (event_id)
where n.state = 'pending' and n.not_before <= $1 and n.next_try <= $2
order by n.not_before, n.id
limit $3
for update of n skip locked;

-- name: claim_digests
-- Take digests of which mails may leave now and are to be tried now; other deliveries take others.
select due.digest_id
from (
    select digest_id, min(not_before) as not_before from notifications
    where state = 'pending' and digest_id is not null and not_before <= $1 and next_try <= $2
    group by digest_id order by 2, 1 limit $3
) as due
where pg_try_advisory_xact_lock(hashtextextended('licet.digest:' || due.digest_id, 0));

-- name: gather
-- Let mails that would leave alone wait for a digest.
update notifications n set
    not_before = gathered.not_before, digest_id = gathered.digest_id, version = version + 1, updated_at = $1
from unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) as gathered (id, digest_id, not_before)
where n.id = gathered.id;

-- name: lock_recipients
-- Keep others from counting, and beginning, mails to these people until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('licet.recipient:' || recipient.id, 0))
from (select id from unnest($1::uuid[]) as asked (id) order by id) as recipient;

-- name: count_begun
-- How many mails to each of these people were begun alone since an instant.
select asked.id, count(n.id) as begun
from unnest($1::uuid[], $2::timestamptz[]) as asked (id, since)
left join notifications n on n.recipient_id = asked.id and n.begun_at >= asked.since
    and n.digest_id is null and n.role <> 'fallback'
group by asked.id;

-- name: lock_escalations
-- Take the right to begin escalations of these credentials; those that another delivery has are left out.
select credential_id from unnest($1::uuid[]) as asked (credential_id)
where pg_try_advisory_xact_lock(hashtextextended('licet.escalation:' || credential_id, 0));

-- name: read_escalated
-- Escalations of these credentials that were begun, with the term and to whom.
select n.id, n.credential_id, notice.term_id,
    n.circle || ':' || coalesce(n.decider_id::text, n.fixed_address, '') as recipient
from notifications n join notices notice using (event_id)
where n.credential_id = any($1::uuid[]) and n.after_days > 0
  and (n.state in ('sending', 'sent', 'unknown') or (n.state = 'pending' and n.attempts > 0));

-- name: follow_credentials
-- Let notices, and all decisions about them, be those of the holders to whom their credentials went.
with moved as (
    select * from unnest($1::uuid[], $2::uuid[]) as told (event_id, holder_id)
), theirs as (
    update notices set holder_id = moved.holder_id from moved where notices.event_id = moved.event_id
)
update notifications n set holder_id = moved.holder_id from moved where n.event_id = moved.event_id;

-- name: try_again
-- Leave mails for a while: what they rest on is on its way.
update notifications set next_try = $1 where id = any($2::uuid[]);

-- name: mark_sending
-- Begin the mails, each under a lease: when it runs out, the outcome is unknown.
update notifications n set
    state = 'sending', attempts = attempts + 1, lease_until = $1, role = begun.role,
    recipient_id = begun.recipient_id, detour = begun.detour, message_id = begun.message_id,
    template_version = begun.template_version, begun_at = coalesce(n.begun_at, $2), version = version + 1,
    updated_at = $2
from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[])
    as begun (id, role, recipient_id, detour, message_id, template_version)
where n.id = begun.id;

-- name: mark_unsent
-- Note why mails that were due are not sent after all. One of which an attempt may have arrived is unknown.
update notifications n set
    state = ended.state, reason = ended.reason, role = ended.role, recipient_id = ended.recipient_id,
    detour = ended.detour, not_before = null, look_again_at = ended.look_again_at, version = version + 1,
    updated_at = $1
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::timestamptz[])
    as ended (id, state, reason, role, recipient_id, detour, look_again_at)
where n.id = ended.id;

-- name: wake
-- Let mails that are skipped for a temporary reason be decided on again at $1: something is new about their
-- credentials ($2), enrolments ($3) or holders ($4). In order of id: every transaction locks rows in that order.
update notifications set look_again_at = $1
where id in (
    select id from notifications
    where look_again_at > $1
        and (credential_id = any($2::uuid[]) or enrolment_id = any($3::uuid[]) or holder_id = any($4::uuid[]))
    order by id
    for update
);

-- name: claim_resting
-- Take mails about credentials that are skipped for a temporary reason and may be decided on again.
select n.id, n.told, n.decider_id, n.role, n.circle, n.fixed_address, n.after_days, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.look_again_at as not_before, n.silenced, n.digest_id, n.created_at,
    n.reason, n.version,
    notice.*,
    (
        select max(later.at) from notices later
        where later.credential_id = notice.credential_id and later.term_id is not distinct from notice.term_id
          and later.term_revision = notice.term_revision and later.notify
    ) as later_notice_at
from notifications n join notices notice using (event_id)
where n.look_again_at <= $1
order by n.look_again_at, n.id
limit $2
for update of n skip locked;

-- name: claim_resting_of_enrolments
-- Take mails about enrolments that are skipped for a temporary reason and may be decided on again.
select n.id, n.told, n.decider_id, n.role, n.circle, n.fixed_address, n.after_days, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.look_again_at as not_before, n.silenced, n.digest_id, n.created_at,
    n.reason, n.version,
    notice.*,
    (
        select max(later.at) from enrolment_notices later
        where later.enrolment_id = notice.enrolment_id and later.mail = notice.mail
    ) as later_notice_at
from notifications n join enrolment_notices notice using (event_id)
where n.look_again_at <= $1
order by n.look_again_at, n.id
limit $2
for update of n skip locked;

-- name: resume
-- Let mails leave that were skipped: their pause is over.
update notifications n set
    state = 'pending', reason = 'due', not_before = resumed.not_before, look_again_at = null, next_try = $2,
    role = resumed.role, recipient_id = resumed.recipient_id, detour = resumed.detour, version = version + 1,
    updated_at = $1
from unnest($3::uuid[], $4::timestamptz[], $5::text[], $6::uuid[], $7::text[])
    as resumed (id, not_before, role, recipient_id, detour)
where n.id = resumed.id;

-- name: rest
-- Leave mails as they are until the given instants: the reason for which they are skipped still holds.
update notifications n set look_again_at = resting.look_again_at
from unnest($1::uuid[], $2::timestamptz[]) as resting (id, look_again_at)
where n.id = resting.id;

-- name: postpone
-- Keep mails for later: the window of their recipients is not open.
update notifications n set not_before = later.not_before, version = version + 1, updated_at = $1
from unnest($2::uuid[], $3::timestamptz[]) as later (id, not_before)
where n.id = later.id;

-- name: hold
-- Let stops hold mails that would have left.
update notifications n set state = 'held', stop_id = held.stop_id, version = version + 1, updated_at = $1
from unnest($2::uuid[], $3::uuid[]) as held (id, stop_id)
where n.id = held.id;

-- name: extend_leases
-- The mails are still on their way.
update notifications set lease_until = $1 where id = any($2::uuid[]) and state = 'sending';

-- name: record_outcomes
-- Note what attempts came to. One whose lease was taken over, so that another attempt is counted, is
-- left to that one, unless this attempt is known to have been accepted.
update notifications n set
    state = outcome.state, reason = outcome.reason, smtp_status = outcome.smtp_status,
    smtp_answer = outcome.smtp_answer, unknown_attempts = unknown_attempts + outcome.unknown,
    uncharged_attempts = uncharged_attempts + outcome.uncharged, next_try = coalesce(outcome.next_try, n.next_try),
    template_version = coalesce(outcome.template_version, n.template_version), lease_until = null,
    version = version + 1, updated_at = $1
from unnest(
    $2::uuid[], $3::int[], $4::text[], $5::text[], $6::smallint[], $7::int[], $8::timestamptz[], $9::int[],
    $10::text[], $11::text[]
) as outcome (
    id, attempts, state, reason, smtp_status, unknown, next_try, uncharged, smtp_answer, template_version
)
where n.id = outcome.id
  and ((n.state = 'sending' and n.attempts = outcome.attempts)
    or (outcome.state = 'sent' and n.state in ('pending', 'unknown')))
returning n.id;

-- name: claim_lost
-- Take mails whose sender was lost between handing over and noting the outcome.
select n.id, n.told, n.role, n.recipient_id, n.template_version, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.after_days, notice.*
from notifications n join notices notice using (event_id)
where n.state = 'sending' and n.lease_until < $1
order by n.lease_until
limit $2
for update of n skip locked;

-- name: claim_lost_of_enrolments
-- Take mails about enrolments whose sender was lost between handing over and noting the outcome.
select n.id, n.told, n.role, n.recipient_id, n.template_version, n.attempts, n.uncharged_attempts,
    n.unknown_attempts, n.resent, n.after_days, notice.*
from notifications n join enrolment_notices notice using (event_id)
where n.state = 'sending' and n.lease_until < $1
order by n.lease_until
limit $2
for update of n skip locked;

-- name: count_leaving
-- Mails that may leave or be decided on again at this business time, or are on their way.
select
    (select count(*) from notifications where state = 'pending' and not_before <= $1)
    + (select count(*) from notifications where state = 'sending')
    + (select count(*) from notifications where look_again_at <= $1);

-- name: next_leaving
-- The next business time at which a mail may leave, or a pause ends that keeps one back.
select least(
    (select min(not_before) from notifications where state = 'pending' and not_before > $1),
    (select min(look_again_at) from notifications where look_again_at > $1 and look_again_at < '9999-12-31')
);

-- name: list_notifications
-- Decisions, newest first, a page at a time: of a holder ($1), of a credential ($2), with an outcome ($3),
-- of holders in these teams ($4) and locations ($5); before a cursor ($6, $7); of an enrolment ($9).
select n.*, coalesce(notice.event_name, of_enrolment.event_name) as event_name
from notifications n
left join notices notice using (event_id)
left join enrolment_notices of_enrolment using (event_id)
left join holders h on h.id = n.holder_id
where ($1::uuid is null or n.holder_id = $1)
  and ($2::uuid is null or n.credential_id = $2)
  and ($9::uuid is null or n.enrolment_id = $9)
  and ($3::text is null or n.state = $3)
  and ($4::text[] is null or h.team = any($4))
  and ($5::text[] is null or h.location = any($5))
  and ($6::timestamptz is null or (n.created_at, n.id) < ($6, $7::uuid))
order by n.created_at desc, n.id desc
limit $8;

-- name: read_notification
-- One decision, if its holder is in these teams ($2) and locations ($3).
select n.*, coalesce(notice.event_name, of_enrolment.event_name) as event_name
from notifications n
left join notices notice using (event_id)
left join enrolment_notices of_enrolment using (event_id)
left join holders h on h.id = n.holder_id
where n.id = $1
  and ($2::text[] is null or h.team = any($2))
  and ($3::text[] is null or h.location = any($3));

-- name: forget_decisions
-- Delete every decision about a holder's credentials and enrolments, also from before they were that holder's.
delete from notifications
where holder_id = $1
   or credential_id in (select id from credentials where holder_id = $1)
   or enrolment_id in (select id from enrolments where holder_id = $1);

-- name: forget_answers
-- Drop the mail server's words about mails to an erased holder: they may name the address.
update notifications set smtp_answer = null where recipient_id = $1 and smtp_answer is not null;

-- name: forget_notices
-- Delete what the scheduler announced of a holder's credentials; the decisions are gone before.
delete from notices
where holder_id = $1 or credential_id in (select id from credentials where holder_id = $1);

-- name: forget_enrolment_notices
-- Delete events of a holder's enrolments; the decisions are gone before.
delete from enrolment_notices
where holder_id = $1 or enrolment_id in (select id from enrolments where holder_id = $1);
