"""Locking: what is right and no draft goes into the lock file, and stays there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pronubes.contracts.folder import Contracts
from pronubes.contracts.lock import LOCK_NAME, Lock, Locked, write_lock
from pronubes.contracts.meaning import digest, text_digest
from pronubes.contracts.verify import verify
from pronubes.errors import ConfigurationError
from pronubes.suggest import did_you_mean

__all__ = ["lock"]


def lock(contracts: Contracts, ids: Sequence[str] | None = None) -> list[str]:
    """Lock versions, and write the lock file if that changes it.

    Args:
        contracts: The folder.
        ids: What to lock; None locks all that is no draft.

    Returns:
        The versions that were not locked before.

    Raises:
        LookupError: A version that was named is not there, or is a draft.
        ConfigurationError: A contract has errors, or a locked one was changed; nothing was locked.
    """
    _refuse_unknown(contracts, ids or ())
    verified = verify(contracts)
    wanted = {id_ for id_, file in verified.files.items() if file.contract.state != "draft"} if ids is None else set(ids)
    if verified.errors:
        raise ConfigurationError(verified.errors)
    drafts = [id_ for id_ in wanted if verified.files[id_].contract.state == "draft"]
    if drafts:
        raise LookupError(f"`{drafts[0]}` is a draft: give it `state: active` first.")
    before = contracts.lock
    added = [id_ for id_ in contracts.ids() if id_ in wanted and id_ not in before.contracts]
    texts = {id_: text_digest(contracts.text(id_)) for id_ in {*added, *before.contracts} if id_ in contracts}
    stale = [id_ for id_, one in before.contracts.items() if texts.get(id_, one.text) != one.text]
    if added or stale:
        locked, units = dict(before.contracts), dict(before.units)
        for id_ in added:
            meaning = verified.files[id_].meaning
            locked[id_] = Locked(digest(meaning), meaning, texts[id_])
            units |= verified.files[id_].dimensions
        for id_ in stale:
            locked[id_] = replace(locked[id_], text=texts[id_])
        contracts.relock(Lock(before.file, locked, units))
        write_lock(contracts.lock, contracts.folder / LOCK_NAME)
    return added


def _refuse_unknown(contracts: Contracts, ids: Sequence[str]) -> None:
    for id_ in ids:
        if id_ not in contracts:
            hint = did_you_mean(id_, list(contracts.ids())) or "`pronubes contract list` lists them."
            raise LookupError(f"There is no contract `{id_}` in `{contracts.name}`. {hint}")
