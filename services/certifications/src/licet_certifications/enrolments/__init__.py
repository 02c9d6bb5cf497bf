"""Enrolments: one holder's run through one version of a programme, from application to certification."""
