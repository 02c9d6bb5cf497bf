"""Why a file is not taken."""


class Refused(Exception):
    """The file is not taken, for the reason given."""
