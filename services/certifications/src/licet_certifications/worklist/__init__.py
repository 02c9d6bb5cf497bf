"""Everything that waits for a person. It knows no other feature: owners open and close items here."""
