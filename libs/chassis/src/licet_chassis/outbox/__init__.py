"""The outbox: events are written in the transaction of their state, and a relay publishes them."""
