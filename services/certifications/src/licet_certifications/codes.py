"""Codes as they come in."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from licet_events.sameness import folded_code

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A code of a credential type, location, role or queue."""

Target = Annotated[
    str,
    StringConstraints(pattern=r"^(role|queue):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    AfterValidator(folded_code),
]
"""A role or queue: `role:<code>` or `queue:<code>`, whatever the case of the code."""
