"""The outbox: events are written with the state they tell of, and a relay publishes them."""
