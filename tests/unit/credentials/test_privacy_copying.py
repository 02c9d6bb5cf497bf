"""A copy of everything is made while it is sent: no more than a piece of it is ever held."""

import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

from licet_credentials.privacy.copying import Copy, Original, zipped
from licet_credentials.privacy.model import identifying_texts

PIECE = 256 * 1024
PIECES = 400


class Storage:
    """Originals of a hundred megabytes."""

    async def pieces(self, key: str):
        for number in range(PIECES):
            yield bytes([number % 251]) * PIECE


async def test_a_file_of_any_size_is_streamed_completely(tmp_path: Path):
    copy = Copy({"holder_id": "1"}, (Original("originals/1.jpg", "k"),), datetime(2026, 3, 1, tzinfo=UTC))
    file = tmp_path / "copy.zip"
    tracemalloc.start()
    try:
        with file.open("wb") as out:
            async for piece in zipped(copy, Storage()):  # type: ignore[arg-type]  # the part that it uses
                assert len(piece) < 2 * PIECE
                out.write(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 * PIECE
    with ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("originals/1.jpg").file_size == PIECE * PIECES
        assert json.loads(archive.read("data.json")) == {"holder_id": "1"}


def test_a_text_too_short_to_identify_anybody_is_not_searched_for():
    assert identifying_texts(["Li", None, " ab ", "Zerlina", "Zerlina", "0815"]) == ["0815", "Zerlina"]
    assert identifying_texts(["Zerlina", "Zerlina Quastel"], 8) == ["Zerlina Quastel"]
