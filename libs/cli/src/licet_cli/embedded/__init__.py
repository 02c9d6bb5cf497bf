"""The servers of the embedded run: each from PyPI alone, each gone when its parent is gone."""
