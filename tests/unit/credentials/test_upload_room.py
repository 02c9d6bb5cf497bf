"""There is room for a bounded number of bytes of uploads; the rest waits its turn, and not for ever."""

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack

import pytest

from licet_chassis.errors import Busy
from licet_credentials.images.receiving import UploadRoom, remove_abandoned

MIB = 1 << 20


def room(size: int, wait_seconds: float = 30.0) -> UploadRoom:
    return UploadRoom(size, wait_seconds=wait_seconds, receive_seconds=1)


async def held(room: UploadRoom, size: int, order: list[str], name: str, leave: asyncio.Event) -> None:
    async with room.reserved(size):
        order.append(name)
        await leave.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_file_reserves_twice_its_size_because_it_is_copied_once():
    full = room(20 * MIB, wait_seconds=0.01)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(full.reserved(2 * MIB))
        with pytest.raises(Busy):
            await stack.enter_async_context(full.reserved(2 * MIB))
    async with full.reserved(10 * MIB):
        pass


async def test_a_small_file_reserves_its_memory_buffer():
    full = room(2 * MIB, wait_seconds=0.01)
    async with full.reserved(10), full.reserved(10):
        with pytest.raises(Busy):
            async with full.reserved(10):
                pass


async def test_uploads_are_served_in_order_even_if_a_smaller_one_would_fit():
    shared, leave = room(8 * MIB), asyncio.Event()
    order: list[str] = []
    tasks = [
        asyncio.create_task(held(shared, size * MIB, order, name, leave))
        for name, size in (("first", 3), ("large", 2), ("small", 1))
    ]
    await settled()
    assert order == ["first"]
    leave.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "large", "small"]


async def test_an_upload_that_times_out_makes_way_for_those_behind_it():
    shared, leave = room(8 * MIB), asyncio.Event()
    order: list[str] = []
    first = asyncio.create_task(held(shared, 3 * MIB, order, "first", leave))
    large = asyncio.create_task(held(shared, 2 * MIB, order, "large", leave))
    small = asyncio.create_task(held(shared, 1 * MIB, order, "small", leave))
    await settled()
    large.cancel()
    await settled()
    assert order == ["first", "small"]
    leave.set()
    await asyncio.gather(first, small)
    async with shared.reserved(4 * MIB):
        pass


async def test_an_upload_cancelled_as_it_is_granted_returns_its_space():
    shared = room(2 * MIB)
    order: list[str] = []
    async with shared.reserved(MIB):
        second = asyncio.create_task(held(shared, MIB, order, "second", asyncio.Event()))
        await settled()
    second.cancel()  # the room is its own by now, but it has not run since
    with pytest.raises(asyncio.CancelledError):
        await second
    assert order == []
    async with shared.reserved(MIB):
        pass


async def test_after_the_deadline_only_free_space_is_granted():
    shared = room(2 * MIB)
    ended = shared.deadline() - 30
    async with shared.reserved(MIB, until=ended):
        with pytest.raises(Busy):
            async with shared.reserved(MIB, until=ended):
                pass


async def test_upload_files_of_a_killed_process_are_removed_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, fresh, other = (tmp_path / name for name in ("licet-upload-a", "licet-upload-b", "other"))
    for directory in (left, fresh, other):
        directory.mkdir()
        (directory / "original").write_bytes(b"personal")
    for directory in (left, other):
        os.utime(directory, (time.time() - 7200, time.time() - 7200))
    await remove_abandoned()
    assert sorted(tmp_path.iterdir()) == [fresh, other]
