"""The process in which files are looked into: with limits, and nothing of the service in reach.

Run as `python -m licet_credentials.images.worker PIXELS MEMORY_BYTES CPU_SECONDS`. It reads a request a
line from standard input and answers a line each on standard output, until its input ends:

    {"source": "/tmp/a", "display": "/tmp/b", "thumbnail": "/tmp/c"}
    {"content_type": "image/jpeg", "width": 4000, "height": 3000, "display_type": "image/webp", …}
    or {"content_type": "application/pdf"}   or {"refused": "…"}

Renditions are rebuilt from pixels: they keep nothing of the file but what one sees.
"""

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import IO

# Every decoder and encoder that is needed is there before the limits are.
from PIL import AvifImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from licet_credentials.images.errors import Refused
from licet_credentials.images.rendering import examine

with contextlib.suppress(ImportError):  # there are no such limits on Windows
    import resource

PLUGINS = (AvifImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""The parsers of Pillow that this process has; the others are never imported."""


def limit(memory_bytes: int) -> None:
    """Limit the address space of this process; what needs more fails with `MemoryError`."""
    if "resource" in globals():
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_seconds(seconds: int) -> None:
    """Give this process that much more processor time; one that needs more is ended by the system."""
    if "resource" in globals():
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def serve(requests: IO[str], answers: IO[str], *, pixels: int, cpu_seconds: int) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        allow_seconds(cpu_seconds)
        try:
            answer = examine(
                Path(request["source"]), Path(request["display"]), Path(request["thumbnail"]), pixels=pixels
            )
        except Refused as refused:
            answer = {"refused": str(refused)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def configure_pillow() -> None:
    """Leave the limits to this process, and pass over what Pillow only warns about.

    A warning is about metadata, of which nothing is kept, or about the number of pixels, which `render`
    limits itself. What can't be decoded raises an error.
    """
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread has a stack and buffers of its own


def main() -> None:
    """Be the worker."""
    pixels, memory_bytes, cpu_seconds = (int(argument) for argument in sys.argv[1:4])
    configure_pillow()
    if hasattr(os, "nice"):
        os.nice(10)  # whoever waits for an answer goes before whoever waits for a picture
    limit(memory_bytes)
    serve(sys.stdin, sys.stdout, pixels=pixels, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    main()
