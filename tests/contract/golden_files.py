"""The golden bytes: records as they were once published, which nothing ever writes again.

`golden/<type>.json` is the first record of a type; when an optional field is added, the next is
`golden/<type>.2.json`, and so on. The last one of a type says what is written today, all of them
what readers may meet.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from licet_events import Event, EventData, Record, decode_event, encode
from licet_events.partition import partition_for

GOLDEN = Path(__file__).parent / "golden"
PUBLISHED_SCHEMAS = GOLDEN / "schemas"


@dataclass(frozen=True)
class Golden:
    """One record of the past."""

    path: Path
    topic: str
    partition: int
    key: str
    headers: tuple[tuple[str, str], ...]
    value: str | None

    @property
    def event_type(self) -> str:
        return dict(self.headers)["ce_type"]

    @property
    def number(self) -> int:
        last = self.path.stem.rsplit(".", 1)[-1]
        return int(last) if last.isdigit() else 1

    @property
    def header_bytes(self) -> tuple[tuple[str, bytes], ...]:
        return tuple((name, value.encode()) for name, value in self.headers)

    @property
    def value_bytes(self) -> bytes | None:
        return None if self.value is None else self.value.encode()

    def decoded(self) -> Event[EventData]:
        return decode_event(self.header_bytes, self.key.encode(), self.value_bytes)


def goldens() -> list[Golden]:
    """Return all of them, by type and number."""
    return sorted(map(_read, GOLDEN.glob("*.json")), key=lambda golden: (golden.event_type, golden.number))


def latest() -> list[Golden]:
    """Return the last of each type."""
    return list({golden.event_type: golden for golden in goldens()}.values())


def _read(path: Path) -> Golden:
    document = json.loads(path.read_text(encoding="utf-8"))
    headers = tuple((name, value) for name, value in document.pop("headers"))
    return Golden(path=path, headers=headers, **document)


def write(event: Event[EventData], number: int = 1) -> Path:
    """Write the record of an event that is published from now on; raises `FileExistsError`."""
    record = encode(event)
    suffix = "" if number == 1 else f".{number}"
    path = GOLDEN / f"{event.data.event_type}{suffix}.json"
    with path.open("x", encoding="utf-8") as file:
        json.dump(_document(record, event.data.destination.partitions), file, indent=1, ensure_ascii=False)
        file.write("\n")
    return path


def _document(record: Record, partitions: int) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": partition_for(record.partition_key, partitions),
        "key": record.key.decode(),
        "headers": [[name, value.decode()] for name, value in record.headers],
        "value": None if record.value is None else record.value.decode(),
    }


def write_next() -> Iterator[Path]:
    """Write the next record of each type whose last one is not what is written today."""
    for golden in latest():
        event = golden.decoded()
        if encode(event).value != golden.value_bytes:
            yield write(event, golden.number + 1)


if __name__ == "__main__":
    for written in write_next():
        sys.stdout.write(f"wrote {written.name}\n")
