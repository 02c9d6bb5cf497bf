-- The defaults let the build before this one go on writing types and holders.
alter table credential_types
    add column late_renewal text not null default 'from_completion',
    add column late_renewal_days integer,
    add column month_end text not null default 'clamp',
    -- A day of the holder's year on which terms end, in place of a renewal basis.
    add column birth_anchor jsonb,
    -- Validity by the holder's age when examined, in order of age.
    add column age_bands jsonb not null default '[]';

alter table holders add column birth_date date;
