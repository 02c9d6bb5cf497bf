-- The zone in which a location's days begin and end. Locations that were learned before this have none until
-- they are told again (`licet backfill`); the deployment's zone stands in for it.
alter table locations add column time_zone text;

-- The stretches of each timeline in which its holder may do the work, with or without a warning, so that those
-- who may are found by index, in the order of how long they stay so. Written with the timeline, in the same
-- transaction. `elsewhere` of a stretch at `*`: the locations for which the holder has a timeline of its
-- own, so that `*` does not speak for them.
create table eligible_spans (
    holder_id uuid not null,
    target text not null,
    location text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    elsewhere text[] not null,
    primary key (holder_id, target, location, starts_at)
);
create index eligible_spans_longest on eligible_spans (target, location, elsewhere, ends_at, holder_id)
    include (starts_at);

insert into eligible_spans (holder_id, target, location, starts_at, ends_at, elsewhere)
with stretches as (
    select
        t.holder_id, t.target, t.location, one.n,
        case when one.n = 1 then '-infinity' else t.edges[one.n - 1] end as starts_at,
        coalesce(t.edges[one.n], 'infinity') as ends_at,
        one.n - row_number() over (partition by t.holder_id, t.target, t.location order by one.n) as island
    from timelines t
    cross join unnest(t.intervals) with ordinality as one (said, n)
    where t.ended_at is null and one.said ->> 'verdict' <> 'ineligible'
)
select
    s.holder_id, s.target, s.location, min(s.starts_at), max(s.ends_at),
    case when s.location <> '*' then '{}'::text[] else array(
        select own.location from timelines own
        where own.holder_id = s.holder_id and own.target = s.target and own.location <> '*'
            and own.ended_at is null
        order by own.location collate "C"
    ) end
from stretches s
group by s.holder_id, s.target, s.location, s.island;

-- Pairs whose timelines have changed and whose booked shifts have to be judged again, each once. Written with
-- the timeline or the booking, read after the commit: those who change both side by side do not see each other.
create table shift_reviews (
    holder_id uuid not null,
    target text not null,
    queued_at timestamptz not null default clock_timestamp(),
    correlation_id text not null,
    causation_id text,
    traceparent text,
    primary key (holder_id, target)
);
create index shift_reviews_queued_at on shift_reviews (queued_at);

-- Booked shifts of all platforms, each as its newest event has it. A cancellation that arrives before its
-- booking has no target; a holder who is not known yet may be named by an external id only.
create table shifts (
    id uuid primary key,
    version bigint not null,
    platform text not null,
    external_id text not null,
    holder_id uuid,
    external_key text,
    target text,
    location text not null,
    starts_at timestamptz,
    ends_at timestamptz,
    revision bigint not null,
    occurred_at timestamptz not null,
    cancelled_at timestamptz,
    booked_verdict text,
    verdict text,
    reasons jsonb not null default '[]',
    timeline_version bigint,
    at_risk boolean not null default false,
    since timestamptz,
    told bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (cancelled_at is not null or (target is not null and starts_at < ends_at))
);
create index shifts_of_pair on shifts (holder_id, target, ends_at);
create index shifts_starting on shifts (starts_at, id) where cancelled_at is null;
create index shifts_at_risk on shifts (starts_at, id) where at_risk and cancelled_at is null;
create index shifts_unresolved on shifts (external_key) where holder_id is null;
create index shifts_unjudged on shifts (holder_id) where booked_verdict is null and cancelled_at is null;

-- The keys under which something was published about a shift, which an erasure has to end: one for each
-- holder who was ever booked for it and told of.
create table shift_keys (
    holder_id uuid not null,
    shift_id uuid not null,
    primary key (holder_id, shift_id)
);
