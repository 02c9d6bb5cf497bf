"""What a token sees, compared with what another does."""

import pytest

from licet_credentials.visibility.model import Sees

NONE: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("sees", "other", "within"),
    [
        (Sees(), Sees(), True),
        (Sees(), Sees(teams=("red",)), False),
        (Sees(teams=("red",)), Sees(), True),
        (Sees(teams=("red",)), Sees(teams=("red", "blue")), True),
        (Sees(teams=("red", "blue")), Sees(teams=("red",)), False),
        (Sees(teams=("red",)), Sees(locations=("north",)), False),
        (Sees(teams=("red",), locations=("north",)), Sees(teams=("red",)), True),
        (Sees(teams=NONE), Sees(teams=("red",)), True),
        (Sees(teams=("red",)), Sees(teams=NONE), False),
    ],
)
def test_a_narrower_token_sees_nobody_whom_the_wider_one_does_not_see(
    sees: Sees, other: Sees, within: bool
) -> None:
    assert sees.within(other) is within
