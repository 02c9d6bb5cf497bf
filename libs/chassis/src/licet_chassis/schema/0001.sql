-- Tables that every service has, version 1. A service's migration runs this file by its name.

-- Events on their way to Kafka, as final bytes. Rows are inserted under the lock of the aggregate
-- they are about, so id order is version order per partition key. No index but the primary key:
-- the relay reads in id order from a low mark.
create table outbox (
    id bigint generated always as identity primary key,
    shard smallint not null,
    topic text not null,
    partition_key text not null,
    record_key bytea not null,
    headers bytea not null,
    value bytea
);

-- Effects that have been carried out, so that an event has its effect once.
create table inbox (
    consumer text not null,
    event_id uuid not null,
    received_at timestamptz not null default now(),
    primary key (consumer, event_id)
);
create index inbox_received_at on inbox (received_at);

-- Records that could not be handled, with their original bytes, and those that wait behind them.
create table parked (
    id bigint generated always as identity primary key,
    consumer text not null,
    cluster_id text not null,
    topic text not null,
    partition integer not null,
    position bigint not null,
    partition_key text not null,
    record_key bytea,
    headers bytea[] not null,
    value bytea,
    reason text not null,
    attempts integer not null default 1,
    parked_at timestamptz not null default now(),
    replayed_at timestamptz,
    unique (consumer, cluster_id, topic, partition, position)
);
create index parked_open on parked (consumer, topic, partition_key, id) where replayed_at is null;

-- Events that need something which has not arrived yet.
create table waiting (
    id bigint generated always as identity primary key,
    consumer text not null,
    event_id uuid not null,
    needs text not null,
    reason text not null,
    topic text not null,
    partition integer not null,
    position bigint not null,
    partition_key text not null,
    record_key bytea,
    headers bytea[] not null,
    value bytea,
    attempts integer not null default 0,
    since timestamptz not null default now(),
    next_try timestamptz not null default now(),
    unique (consumer, event_id)
);
create index waiting_needs on waiting (needs);
create index waiting_next_try on waiting (next_try);

-- How far each consumer has come, in which cluster; and since when it lacks a backfill.
create table progress (
    consumer text not null,
    topic text not null,
    partition integer not null,
    cluster_id text not null,
    position bigint not null,
    at timestamptz not null default now(),
    lost_at timestamptz,
    found_by text[] not null default '{}',
    primary key (consumer, topic, partition)
);

-- The offset of business time, one row, empty in production.
create table business_clock (
    only_row boolean primary key default true check (only_row),
    time_offset interval not null,
    set_to timestamptz not null
);

-- Answers to requests that carried an Idempotency-Key.
create table idempotency (
    principal text not null,
    key text not null,
    request_hash bytea not null,
    status smallint not null,
    headers jsonb not null,
    body bytea not null,
    created_at timestamptz not null default now(),
    primary key (principal, key)
);
create index idempotency_created_at on idempotency (created_at);

-- Holders that were erased: nothing but their ids, and whatever still arrives for them is dropped.
create table erased_holders (
    holder_id uuid primary key,
    erased_at timestamptz not null default now()
);
