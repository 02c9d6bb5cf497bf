from licet_chassis.migrations import run_environment

run_environment()
