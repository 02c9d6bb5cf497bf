"""Looking for texts in files."""

from collections.abc import Iterable
from pathlib import Path

from support.searching.tables import Found


def search_files(directory: Path, texts: Iterable[str], *, without: Iterable[Path] = ()) -> list[Found]:
    """Return the files below a directory in whose names or bytes one of the texts stands."""
    left_out = tuple(without)
    wanted = [(text, text.encode()) for text in texts]
    found = []
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or any(path.is_relative_to(each) for each in left_out):
            continue
        content = path.read_bytes()
        for text, needle in wanted:
            place = content.find(needle)
            if place >= 0 or text in path.name:
                excerpt = content[max(0, place - 60) : place + 90].decode("utf-8", "backslashreplace")
                found.append(Found(text, str(path), excerpt))
    return found
