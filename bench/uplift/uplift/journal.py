"""What was asked so far: JSON lines, written as answers come, so that a run that broke off is gone on with.

The first line says what is measured. A run goes on with a journal only if that is the same. What was answered is
not asked again; what the endpoint did not answer is.
"""

import json
import os
import threading
from pathlib import Path
from typing import Any

ERROR = "error"


class Mismatch(Exception):
    """The journal is of another run."""


class Journal:
    """The lines of a run."""

    def __init__(self, path: Path, run: dict[str, Any]):
        self._lock = threading.Lock()
        self.entries: dict[tuple[str, str], dict[str, Any]] = {}
        whole = self._read(path, run) if path.exists() else 0
        self._file = path.open("ab")
        # What a process that died has left of a line.
        self._file.truncate(whole)
        if not whole:
            self._write({"run": run})

    def _read(self, path: Path, run: dict[str, Any]) -> int:
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        for number, line in enumerate(text[:whole].splitlines()):
            try:
                entry = json.loads(line)
            except ValueError:
                raise Mismatch(f"{path}: line {number + 1} is no JSON") from None
            if number == 0:
                self._check(path, entry.get("run"), run)
            else:
                self.entries[entry["variant"], entry["task"]] = entry
        return whole

    @staticmethod
    def _check(path: Path, before: Any, run: dict[str, Any]) -> None:
        if not isinstance(before, dict):
            raise Mismatch(f"{path}: does not begin with what was measured")
        other = [key for key in sorted({*before, *run}) if before.get(key) != run.get(key)]
        if other:
            raise Mismatch(f"{path}: is of a run with other {', '.join(other)}: name another --out")

    def is_answered(self, variant: str, task: str) -> bool:
        entry = self.entries.get((variant, task))
        return entry is not None and entry["outcome"] != ERROR

    def add(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self.entries[entry["variant"], entry["task"]] = entry
            self._write(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
