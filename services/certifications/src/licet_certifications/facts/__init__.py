"""What other services say of holders, credentials and locations, as far as eligibility needs it."""
