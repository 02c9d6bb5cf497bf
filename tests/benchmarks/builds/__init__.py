"""Programs that a benchmark runs with this build and with an older one."""
