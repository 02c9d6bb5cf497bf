"""What can go wrong with the embedded run, in sentences for the person who started it."""


class EmbeddedError(Exception):
    """The embedded run, or one of its servers, can't do what was asked."""


class ServerFailed(EmbeddedError):
    """A server did not start, or ended by itself; the message has its last log lines."""
