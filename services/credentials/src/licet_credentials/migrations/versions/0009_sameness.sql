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

-- What is left of a number without regard to case and separators.
create function loose_number(given text) returns text language sql immutable parallel safe
    return coalesce(nullif(regexp_replace(searchable(given),
        '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', '', 'g'), ''), given);

-- The form of a number in which it is unique: itself where its scope begins with `=`.
create function number_key(scope text, number text) returns text language sql immutable parallel safe
    return case when scope like '=%' then number else loose_number(number) end;

alter table credential_types add column number_comparison text not null default 'loose';

-- Numbers that counted as different until now keep to themselves, all but the first of each: `==` stays until the
-- number changes.
update credentials c set number_scope = '==' || c.number_scope
from (
    select id, row_number() over (
        partition by type, number_scope, loose_number(number) order by created_at, id
    ) as place
    from credentials where number_scope is not null and number is not null and not voided
) as same
where same.id = c.id and same.place > 1;

create unique index credentials_number_same on credentials (type, number_scope, number_key(number_scope, number))
    where number_scope is not null and number is not null and not voided;
drop index credentials_number_unique;
alter index credentials_number_same rename to credentials_number_unique;

create index holders_people_order on holders (people_order(name) collate "C", id);
create index credentials_people_order on credentials (people_order(name) collate "C", id);
drop index holders_name;
drop index credentials_name;

create index holders_searchable on holders using gin (
    searchable(name) gin_trgm_ops, searchable(external_id) gin_trgm_ops, searchable(email) gin_trgm_ops
) with (gin_pending_list_limit = 256);
create index credentials_searchable on credentials using gin (
    searchable(name) gin_trgm_ops, searchable(number) gin_trgm_ops
) with (gin_pending_list_limit = 256);
drop index holders_words;
drop index credentials_words;
