"""What supports a term: stored scans."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.commands.carrying import carry_out
from licet_credentials.credentials.model import Image
from licet_credentials.credentials.store import Loaded
from licet_credentials.errors import Conflict
from licet_events.credentials import CredentialImageAdded, ImageReference


async def add_image(
    tx: Transaction, credential_id: UUID, image: Image, *, now: datetime
) -> tuple[Image, bool]:
    """Note a stored scan; returns it and whether it is new. The same file again changes nothing."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    if loaded.credential.voided:
        raise Conflict("The credential is voided: it was entered in error and takes no more changes.")
    for known in loaded.credential.images:
        if known.sha256 == image.sha256:
            return known, False

    def add(change: Change, _loaded: Loaded) -> Change:
        return change.tell(
            replace(change.credential, images=(*change.credential.images, image)),
            now,
            lambda state: CredentialImageAdded(
                credential=state,
                image=ImageReference(id=image.id, kind=image.kind, sha256=image.sha256),
            ),
        )

    await carry_out(tx, loaded, add, now=now)
    return image, True
