"""Places: locations and teams."""
