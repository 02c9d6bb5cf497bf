-- The comparison forms of licet_events/sameness.py, to which a test holds them. Indexes are on these expressions, so
-- that the build before this one can go on writing. They are not strict: PostgreSQL would not inline them. Their
-- bodies are bound when they are created, since indexes are built without a search path. The C locale is that of
-- the embedded server, and is the same everywhere.

-- The form in which words are searched: small letters without accents.
create function searchable(given text) returns text language sql immutable parallel safe
    return lower(case when octet_length(given) = length(given) then given else
        replace(replace(replace(replace(translate(regexp_replace(normalize(replace(given, '´', ''''), NFKD),
            '[\u0300-\u036f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+', '', 'g'),
            'ÆÐØÞĐĦŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǤǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩϏϘϚϜϞϠϢϤϦϨϪϬϮϷϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐøđðłħıŧς‘’‚‛′ʼʹ`‐‑‒–—―−',
            'ædoþdhlŋœtɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǥƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωϗϙϛϝϟϡϣϥϧϩϫϭϯϸϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяґoddlhitσ''''''''''''''''-------'
        ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
    end collate "C");

-- The key by which people sort names; compared by code points.
create function people_order(given text) returns text language sql immutable parallel safe
    return btrim(regexp_replace(replace(searchable(given), '''', ''),
        '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g'))
        || chr(1) || given;

create index holders_searchable on holders
    using gin (searchable(name) gin_trgm_ops, searchable(external_key) gin_trgm_ops);
drop index holders_words;

update holders set external_key = btrim(regexp_replace(normalize(external_key, NFC), '[ \t\u00a0]+', ' ', 'g'))
where external_key <> btrim(regexp_replace(normalize(external_key, NFC), '[ \t\u00a0]+', ' ', 'g'));

-- Targets are kept in small letters. Pairs of other spellings are computed again: they end, with a tombstone, and those
-- of the one target take their place. The build before this one goes on with what it finds.
insert into targets (target) select distinct lower(target) from targets where target <> lower(target)
on conflict do nothing;

insert into recomputations (holder_id, target, correlation_id)
select holder_id, spelled.target, 'migration-0013'
from timelines t cross join lateral (values (t.target), (lower(t.target))) as spelled (target)
where t.ended_at is null and t.target <> lower(t.target)
on conflict do nothing;

create function folded_targets(given text[]) returns text[] language sql immutable parallel safe
    return (select coalesce(array_agg(distinct lower(target) order by lower(target)), '{}') from unnest(given) as target);

update holders set targets = folded_targets(targets) where targets <> folded_targets(targets);
update requirements set target = lower(target), state = jsonb_set(state, '{target}', to_jsonb(lower(target)))
where target <> lower(target);
update requirement_versions
set target = lower(target), state = jsonb_set(state, '{target}', to_jsonb(lower(target)))
where target <> lower(target);
update waivers set target = lower(target), state = jsonb_set(state, '{target}', to_jsonb(lower(target)))
where target <> lower(target);
update shifts set target = lower(target) where target <> lower(target);

drop function folded_targets;
