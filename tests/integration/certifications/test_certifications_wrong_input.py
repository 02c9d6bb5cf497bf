"""Whatever is sent to whichever operation, the answer is a good one or a problem of the sender's: no 5xx."""

from collections.abc import Mapping
from typing import Any

import httpx

from support.edge.wrong import faults


async def test_nothing_that_is_sent_is_an_error_of_ours(http: httpx.AsyncClient, service: Any) -> None:
    async def known(number: int) -> Mapping[str, Any]:
        made = await service.require(f"role:tried-{number}")
        return {
            "requirement_id": str(made.id), "target": "role:forklift", "expression": {"all_of": ["licence"]},
            "time_zone": "Europe/Berlin",
        }  # fmt: skip

    assert await faults(http, "certifications", known, thinned=11) == []
