-- name: note_holders
-- Note that the timelines of a page of holders may differ; returns the last of the page.
with page as (
    select id from holders where $1::uuid is null or id > $1 order by id limit $2
), noted as (
    insert into changes (kind, subject, correlation_id, causation_id, traceparent)
    select 'holder', id::text, $3, $4, $5 from page
    order by id
    on conflict (kind, subject, type) do nothing
)
select max(id::text)::uuid from page;

-- name: count_holders
-- How many holders come after an id.
select count(*) from holders where $1::uuid is null or id > $1;
