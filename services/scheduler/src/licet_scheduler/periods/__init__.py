"""What recurs: schedules by rules, each period announced once, and the heartbeat."""
