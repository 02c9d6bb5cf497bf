"""The templates of certificates that programmes may name."""

TEMPLATES = ("standard", "plain")
"""`standard`: one landscape page in a frame; `plain`: an upright page without one."""
