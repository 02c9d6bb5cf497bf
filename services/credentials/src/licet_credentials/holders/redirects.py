"""The answer for the id of a merged record: a redirect to the holder that it turned out to be."""

from typing import Any

from starlette.responses import Response

from licet_chassis.http.resources import resource
from licet_credentials.holders.model import Holder, state_of
from licet_events.holders import HolderState

MERGED: dict[int | str, dict[str, Any]] = {
    308: {
        "model": HolderState,
        "description": "The record was merged; `Location` names the holder that it turned out to be",
    }
}
"""The `responses` of a route that answers with `redirect_to_survivor`."""


def redirect_to_survivor(holder: Holder, suffix: str = "") -> Response:
    """Return a 308 to the holder that a record was merged into, with the record itself as its body."""
    location = f"/v1/holders/{holder.merged_into}{suffix}"
    return resource(state_of(holder), status=308, headers={"Location": location})
