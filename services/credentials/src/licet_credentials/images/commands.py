"""Adding and removing images: scans, cards, photos and documents as evidence of a term."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_chassis.errors import Busy, Conflict, Invalid, NotFound, require_version
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, require_not_voided
from licet_credentials.credentials.commands.writing import apply_step
from licet_credentials.credentials.model import Credential, Image
from licet_credentials.credentials.store import CredentialWithRules
from licet_credentials.images import store as image_store
from licet_events.credentials import (
    CredentialImageAdded,
    CredentialImageRemoved,
    CredentialUpdated,
    ImageReference,
)


async def add_image(
    tx: Transaction, credential_id: UUID, image: Image, *, now: datetime
) -> tuple[Image, bool]:
    """Record a stored image; returns it and whether it is new.

    The same file again is the same image; it changes only the term that the image supports, if it had none.
    Raises `Busy` if its objects are being collected because storing them took too long.
    """
    loaded = await store.lock_credential(tx.conn, credential_id)
    credential = loaded.credential
    require_not_voided(credential)
    if image.term_id is not None and all(term.id != image.term_id for term in credential.terms):
        raise Invalid(f"The credential has no term {image.term_id}.", pointer="/term_id")
    for known in credential.images:
        if known.sha256 == image.sha256:
            return await _support(tx, loaded, known, image.term_id, now), False
    if not await image_store.claim_objects(tx.conn, image.sha256, image.generation):
        raise Busy("The file took too long to be stored; send it again.")

    def add(change: Change, _loaded: CredentialWithRules) -> Change:
        return change.emit(
            replace(change.credential, images=(*change.credential.images, image)),
            now,
            lambda state: CredentialImageAdded(credential=state, image=_reference(image)),
        )

    await apply_step(tx, loaded, add, now=now)
    return image, True


async def _support(
    tx: Transaction, loaded: CredentialWithRules, image: Image, term_id: UUID | None, now: datetime
) -> Image:
    """Let an existing image support a term; it can't change to another one."""
    if term_id is None or term_id == image.term_id:
        return image
    if image.term_id is not None:
        raise Conflict(f"This file is already the image {image.id} of the term {image.term_id}.")
    supporting = replace(image, term_id=term_id)

    def support(change: Change, _loaded: CredentialWithRules) -> Change:
        images = tuple(supporting if each.id == image.id else each for each in change.credential.images)
        return change.emit(
            replace(change.credential, images=images),
            now,
            lambda state: CredentialUpdated(credential=state, changed=("images",)),
        )

    await apply_step(tx, loaded, support, now=now)
    return supporting


async def remove_image(
    tx: Transaction,
    credential_id: UUID,
    image_id: UUID,
    reason: str,
    *,
    expected_version: int | None = None,
    now: datetime,
) -> Credential:
    """Delete an image, even of a voided credential; unreferenced objects are collected later."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    image = image_of(loaded.credential, image_id)

    def remove(change: Change, _loaded: CredentialWithRules) -> Change:
        images = tuple(each for each in change.credential.images if each.id != image_id)
        return change.emit(
            replace(change.credential, images=images),
            now,
            lambda state: CredentialImageRemoved(credential=state, image=_reference(image), reason=reason),
        )

    changed = await apply_step(tx, loaded, remove, now=now)
    await image_store.remove_image(tx.conn, image_id, machine_now())
    return changed


def image_of(credential: Credential, image_id: UUID) -> Image:
    """Return an image of a credential; raises `NotFound`."""
    for image in credential.images:
        if image.id == image_id:
            return image
    raise NotFound(f"The credential has no image {image_id}.")


def _reference(image: Image) -> ImageReference:
    return ImageReference.model_validate(image, from_attributes=True)
