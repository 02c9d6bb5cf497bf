-- Nested requirements, their conditions, and waivers.

-- What a credential type declares; null where it was last told to a build that did not keep it. The facts
-- of a credential from such a build have no attributes, issuer or check. What rests on them reads as
-- unknown until the next event of that type or credential, or a backfill.
alter table credential_types add column attributes jsonb;

-- A requirement that has a code is called by it in files of rules.
create unique index requirements_code on requirements (lower(state ->> 'code'));

-- The register of waivers, which forgets nothing. Of an erased holder's waivers the words and whoever acted
-- are gone, and holder_id is null.
create table waivers (
    id uuid primary key,
    version bigint not null,
    holder_id uuid,
    requirement_id uuid,
    target text not null,
    reason text not null,
    status text not null,
    override boolean not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    state jsonb not null,
    note text,
    decision_note text,
    revocation_note text
);
create index waivers_holder_id on waivers (holder_id, id);
create index waivers_requirement_id on waivers (requirement_id, id);
create index waivers_granted_ends_at on waivers (ends_at) where status = 'granted';

-- A pair that waits because of something about everybody who has its target, such as a changed requirement.
-- Single pairs are computed before it.
alter table recomputations add column bulk boolean not null default false;
create index recomputations_bulk_queued_at on recomputations (bulk, queued_at);
