"""One holder's run through one version of a programme: status, approvals, progress."""
