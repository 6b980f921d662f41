"""Which files a table's rows are known to have come from, so that the same file is not read twice.

A pipeline loads one file offline and online, and the next run loads it once more. As long as nobody has changed the
offline rows since they became those of a file, they are what reading it would give; and with ``put_if_absent`` a file
whose rows are all online adds nothing as long as no online row was removed. It is only a memory of this process, and
a file that the system cannot tell from what it was is read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.repeatedrows import Reading

if TYPE_CHECKING:
    from dsflow.embedded.catalog import Table
    from dsflow.embedded.loading import Staged
    from dsflow.embedded.storage import Change, Storage

_MOST_FILES = 64


@dataclass(frozen=True)
class _Entry:
    reading: Reading
    staged: Staged
    version: int


class LoadedFiles:
    """The memory; may be used by several threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._entries: dict[tuple[int, Change], list[_Entry]] = {}

    def version(self, table: Table, change: Change) -> int:
        """What `keep` wants to know: as long as it is this one, the load's own change came last."""
        return self._storage.version(table, change)

    def keep(
        self,
        table: Table,
        change: Change,
        version: int,
        reading: Reading,
        options: LoadOptions,
        rows: Staged,
    ) -> None:
        """Note what a load has done, unless the files have changed since it began.

        Args:
            change: what would make it untrue: ``offline``, another change of the offline rows, of which the load has
                made all; or ``removed``, that online rows are removed, to which the load has added all that it read.
            version: the version of that when the load's own change was done.
            reading: from before the load.
            rows: what was read.
        """
        try:
            unchanged = reading.is_settled and Reading.of(table, reading.path, options).marks == reading.marks
        except (LoadError, OSError):
            unchanged = False
        if not unchanged:
            return
        with self._lock:
            known = self._entries.setdefault((table.tid, change), [])
            known[:] = [entry for entry in known if entry.reading.key != reading.key]
            known.append(_Entry(reading, rows, version))
            del known[:-_MOST_FILES]

    def rows_of(self, table: Table, change: Change, reading: Reading) -> Staged | None:
        """What was read from files that are as they were; None where nobody knows or the rows have changed since.

        It stays true until the end of the transaction in which it is asked.
        """
        with self._lock:
            for entry in self._entries.get((table.tid, change), ()):
                same = (entry.reading.key, entry.reading.marks) == (reading.key, reading.marks)
                if same and entry.version == self.version(table, change):
                    return entry.staged
        return None
