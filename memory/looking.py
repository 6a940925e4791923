"""Looking through what is stored, record by record: no model and no index is asked, nothing is changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime

from ..protocols.messages import Confirm
from .records import Filter, Kind, Owner, Record, Scope, levels, now
from .rows import moment_of
from .store import Store
from .twins import twin


class Looking(ABC):
    """What of `Memory` reads the store alone."""

    @abstractmethod
    def _open_store(self) -> Store:
        """The store. Raises MemoryClosed."""

    def get_sync(self, record: str) -> Record:
        """The record with this id, closed or not. Raises UnknownRecord."""
        return self._open_store().get(record)

    def proofs_sync(self, record: str) -> list[Confirm]:
        """Every confirm that proves this record, oldest first; none for an unknown id."""
        return [Confirm.model_validate_json(proof) for proof in self._open_store().proofs(record)]

    def history_sync(self, record: str) -> list[Record]:
        """A record with all that it replaced and all that replaced it, oldest first. Raises UnknownRecord."""
        return self._open_store().history(record)

    def near_sync(self, record: str) -> list[tuple[str, float]]:
        """Ids of records that say nearly the same, with their cosine: linked, never merged."""
        return self._open_store().near(record)

    def derived_from_sync(self, record: str) -> list[str]:
        """Ids of the records that were derived from this one."""
        return self._open_store().derived_from(record)

    def records_sync(
        self,
        kinds: Collection[Kind] | None = None,
        scope: Scope | Sequence[Scope] | None = None,
        at: datetime | None = None,
        across: Collection[Owner] = (),
        *,
        holding: bool = False,
    ) -> list[Record]:
        """What is stored, oldest first, for a person to look through.

        Args:
            scope, across: As in `recall`, but None is every record of everybody.
            at: What held at that moment; None: closed ones too.
            holding: Without a moment: only what holds now, as `recall` sees it.
        """
        store = self._open_store()
        wanted = Filter.of(kinds, scope, at, across)
        if holding and at is None:
            wanted = wanted.of_present(now(), moment_of(store.state.clock))
        return store.records(wanted)

    def doomed_sync(self, target: Scope | str, across: Collection[Owner] = ()) -> list[Record]:
        """What `forget` and `erase` would delete, oldest first: it and all that was derived from it."""
        return self._open_store().doomed(target, levels(across))

    def ids_sync(self) -> list[str]:
        """Ids of all records, oldest first."""
        return self._open_store().ids()

    def counts_sync(self) -> list[tuple[str, str, str, str, str, int]]:
        """How many open records there are: tenant, user, agent, run, kind, number."""
        return self._open_store().counts()

    get, proofs, history = twin(get_sync), twin(proofs_sync), twin(history_sync)
    near, derived_from, records = twin(near_sync), twin(derived_from_sync), twin(records_sync)
    doomed, ids, counts = twin(doomed_sync), twin(ids_sync), twin(counts_sync)
