"""Selective filters of both lists, each alone and some together, for a register of `many`."""

from datetime import date
from typing import Any

from licet_credentials.holders.store import HolderFilter
from licet_credentials.register.model import Checked, CredentialFilter
from licet_credentials.visibility.model import Sees
from licet_events.catalogue import Category
from licet_events.credentials import Validity
from licet_events.holders import HolderKind
from support.registering.many import holder_id, number_of

SINGLE: dict[str, dict[str, Any]] = {
    "validity": {"validity": (Validity.SUSPENDED,)},
    "validities": {"validity": (Validity.SUSPENDED, Validity.REVOKED)},
    "type": {"type": "diving"},
    "alias": {"type": "scuba"},
    "category": {"category": Category.OTHER},
    "holder": {"holder_id": holder_id(77)},
    "team": {"team": "team-7"},
    "location": {"location": "site-7"},
    "country": {"country": "IS"},
    "subdivision": {"subdivision": "DE-HB"},
    "expires_from": {"expires_from": date(2089, 1, 1)},
    "expires_to": {"expires_to": date(2020, 12, 31)},
    "window": {"expires_from": date(2090, 1, 1), "expires_to": date(2090, 3, 1)},
    "verified": {"verification": Checked.VERIFIED},
    "check_ended": {"verification": Checked.ENDED},
    "attribute": {"attributes": {"class": "CE"}},
    "words_of_name": {"q": "zeppelin"},
    "words_of_number": {"q": number_of(123)},
    "words_of_holder": {"q": "quillfeather"},
    "words_of_external_id": {"q": "E100123"},
    "short_word": {"q": "Ze"},
}
"""Every filter of credentials alone, with values that few credentials have."""

PAIRS: dict[str, dict[str, Any]] = {
    "type and validity": {"type": "diving", "validity": (Validity.ACTIVE,)},
    "team and validity": {"team": "team-7", "validity": (Validity.EXPIRED,)},
    "location and category": {"location": "site-7", "category": Category.LICENSE},
    "country and type": {"country": "IS", "type": "forklift"},
    "team and window": {"team": "team-7", "expires_from": date(2026, 3, 1), "expires_to": date(2027, 3, 1)},
    "holder's name and type": {"q": "quillfeather", "type": "welding"},
    "holder's name and name": {"q": "quillfeather liability"},
    "name and country": {"q": "zeppelin", "country": "DE"},
    "attribute and validity": {
        "attributes": {"class": "CE"},
        "validity": (Validity.ACTIVE, Validity.PENDING),
    },
    "subdivision and end": {"subdivision": "DE-HB", "expires_from": date(2026, 3, 1)},
    "ended check and validity": {"verification": Checked.ENDED, "validity": (Validity.PENDING,)},
    "country and suspension": {"country": "US", "validity": (Validity.SUSPENDED,)},
}
"""Two filters together, of which one is rare."""

CREDENTIALS = {name: CredentialFilter(**said) for name, said in (SINGLE | PAIRS).items()}

HOLDERS: dict[str, HolderFilter] = {
    "words_of_name": HolderFilter(q="quillfeather"),
    "words_of_external_id": HolderFilter(q="E100123"),
    "words_of_email": HolderFilter(q="igicbpm.123"),
    "short_word": HolderFilter(q="Qu"),
    "kind": HolderFilter(kind=HolderKind.VENDOR),
    "team": HolderFilter(team="team-7"),
    "location": HolderFilter(location="site-7"),
    "role": HolderFilter(role="rigger"),
    "queue": HolderFilter(queue="night"),
    "inactive": HolderFilter(active=False),
}

NARROWED = Sees(teams=("team-7", "team-8"), locations=("site-6", "site-7"))
"""A manager's token."""
