-- name: want_objects
-- Note that objects of a content are about to be stored, and when to look whether anything came of it ($2);
-- returns the generation under which to store them. Whoever comes at the same moment waits here for the
-- other, and gets the same one; what is being removed is never used again.
insert into image_objects (sha256, state, look_at) values ($1, 'wanted', $2)
on conflict (sha256) where state = 'wanted' do update set look_at = excluded.look_at
returning generation;

-- name: claim_objects
-- Hold the objects that an image is about to refer to, until the transaction ends; nothing is returned if
-- they are being removed already.
update image_objects set look_at = null
where sha256 = $1 and generation = $2 and state = 'wanted' returning true;

-- name: remove_image
-- Remove an image, and have a look ($2) at whether its objects are still wanted. Who is just storing the
-- same content has set a later time, which stands.
with removed as (
    delete from images where id = $1 returning sha256, generation
)
update image_objects o set look_at = coalesce(o.look_at, $2)
from removed r where o.sha256 = r.sha256 and o.generation = r.generation;

-- name: hold_due_objects
-- The next objects to look at, held until the transaction ends; those that are being claimed are left.
select sha256, generation, state from image_objects
where look_at <= $1 order by look_at limit 1 for update skip locked;

-- name: objects_wanted
-- Whether any image refers to the objects. To be asked after they are held, in a statement of its own: only
-- that sees what whoever held them before has written.
select exists (select from images where sha256 = $1 and generation = $2);

-- name: set_objects
-- Put objects into a state, and say when to look at them again.
update image_objects set state = $3, look_at = $4 where sha256 = $1 and generation = $2;

-- name: forget_objects
-- Forget objects that are gone.
delete from image_objects where sha256 = $1 and generation = $2;

-- name: count_leaving
-- How many sets of objects nothing refers to: left over from uploads, or being removed.
select count(*) from image_objects where look_at is not null;

-- name: note_view
-- Keep who looked at an original.
insert into image_views (id, credential_id, image_id, actor, at) values ($1, $2, $3, $4, $5);

-- name: read_views
-- Who looked at the original of an image, oldest first, a page at a time.
select id, actor, at from image_views
where credential_id = $1 and image_id = $2 and ($3::uuid is null or id > $3) order by id limit $4;

-- name: remove_images_of
-- Remove all images of credentials, and have a look ($2) at whether their objects are still wanted.
with removed as (
    delete from images where credential_id = any($1::uuid[]) returning sha256, generation
)
update image_objects o set look_at = coalesce(o.look_at, $2)
from removed r where o.sha256 = r.sha256 and o.generation = r.generation;
