"""HTTP that every service has for its operators: work left, the clock, parked records, backfill, erasures."""
