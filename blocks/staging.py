"""The staging area: immutable Parquet snapshots, one folder per run, and what the stages keep beside them.

A file is written under a temporary name, made durable and renamed, so it is there wholly or not at all. Writing
the same bytes again changes nothing, because a killed stage is run again; other bytes under a known name are an
error. Rows are sorted by `_row` and row groups have a fixed size, so the same rows give the same bytes.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.row_file import GROUP_ROWS, write_rows
from blocks.scratch import scratch
from tasks.quality.errors import Abort, SpecError, TamperError, TryAgain, Unavailable
from tasks.quality.ledger import canonical
from tasks.quality.model import ROW, Snapshot
from tasks.quality.spreadsheet import escaped_column

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa
    from ibis.backends.duckdb import Backend

ENGINE_MEMORY = "700MB"
"""Ten million rows of twenty columns are assessed with it; more makes large tables faster."""

WRITE_MEMORY = "1GB"
"""Rows that are written in the order they have wait for those before them in a quarter of it."""

LOOKUPS = "lookups.parquet"
"""`column`, `value` of the reference tables of a run."""

_ROWS_AT_ONCE, _BYTES_AT_ONCE, _FEW_ROWS = 1_000_000, 500_000_000, 1_000
_CHUNK_BYTES = 1 << 20
_KEY_BYTES = 32
_PARQUET = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}"
_READ_OFTEN = f"FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {GROUP_ROWS}"
"""For value domains, which an assessment reads a dozen times: twice as large, read twice as fast."""


class Staging:
    """The staging area under one root.

    Args:
        root: a local folder; it is made when first written to.

    Raises:
        SpecError: the root is an address of a kind that staging can't use.
    """

    def __init__(self, root: str) -> None:
        if "://" in root:
            scheme = root.partition("://")[0]  # and no more: an address may hold a secret
            raise SpecError(f"staging cannot use '{scheme}://' addresses", available=("a local folder",))
        self._root = Path(root)

    def folder(self, run_id: str) -> Path:
        """The run's folder, made when it isn't there.

        Raises:
            TryAgain: it cannot be made.
        """
        folder = self._root / run_id
        with doing("make", folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write(
        self, run_id: str, name: str, table: ibis.Table, *, parent: Snapshot | None = None, **about: Any
    ) -> Snapshot:
        """Write a table as a snapshot, and a manifest beside it.

        Args:
            run_id: the run.
            name: the step, e.g. "missing-1"; unique within the run.
            table: `_row` and text columns, of any backend connection that `open` gave.
            parent: the snapshot it was made from.
            about: JSON values for the manifest, `snapshot-<name>.json`.

        Raises:
            TryAgain: the disk is full or the folder cannot be written to.
            Abort: the run has other rows under this name.
        """
        columns = tuple(column for column in table.columns if column != ROW)
        rows = table.select(ROW, *columns)
        written = self._published(run_id, name, lambda partial: _write_in_order(rows, partial))
        return self._told(run_id, name, columns, written, parent.fingerprint if parent else None, about)

    def write_rows(
        self, run_id: str, name: str, columns: Sequence[str], batches: Iterable[pa.RecordBatch], **about: Any
    ) -> Snapshot:
        """Write rows of text as a snapshot in the order in which they come; raises as `write` does."""
        written = self._published(run_id, name, lambda partial: write_rows(partial, columns, batches))
        return self._told(run_id, name, columns, written, None, about)

    def take(self, run_id: str, name: str, file: Path, columns: Sequence[str], rows: int, **about: Any) -> Snapshot:
        """Take a file that `blocks.row_file` wrote, on the same disk, as a snapshot; raises as `write` does."""

        def linked(partial: Path) -> int:
            partial.unlink(missing_ok=True)
            partial.hardlink_to(file)
            return rows

        return self._told(run_id, name, columns, self._published(run_id, name, linked), None, about)

    def write_aux(self, run_id: str, name: str, table: ibis.Table) -> tuple[str, str, int]:
        """Write a table that is no snapshot, in the order it has: its address, fingerprint and rows."""
        return self._copy(run_id, name, table)

    def write_domains(self, run_id: str, snapshot: Snapshot, domains: ibis.Table) -> str:
        """Write a snapshot's value domains; `open` gives them as `domains` from now on. Returns the fingerprint."""
        return self._copy(run_id, f"{snapshot.id}.domains", domains, _READ_OFTEN)[1]

    @contextmanager
    def open(self, snapshot: Snapshot, views: Mapping[str, str] = {}) -> Iterator[Backend]:
        """A DuckDB connection with the view `snapshot`, `domains` and `lookups` once written, and `views` by address.

        Queries over it can compute pseudonyms (`tasks.quality.pseudonyms`) with the key that lies under the root.

        Raises:
            Unavailable: a file is not there.
        """
        from tasks.quality.pseudonyms import lend

        domains, lookups = _beside(snapshot.uri, ".domains.parquet"), Path(snapshot.uri).with_name(LOOKUPS)
        beside = {name: str(path) for name, path in (("domains", domains), ("lookups", lookups)) if path.exists()}
        known = {"snapshot": snapshot.uri, **views, **beside}
        with connected() as backend:
            for name, uri in known.items():
                if not Path(uri).exists():
                    raise Unavailable(
                        f"{uri} is not in staging", where=name, todo="restore it, or run the pipeline again"
                    )
                backend.raw_sql(f"CREATE VIEW {_identifier(name)} AS SELECT * FROM read_parquet({_text(uri)})")
            lend(backend, self._key())
            yield backend

    def _key(self) -> bytes:
        """The key for pseudonyms of all runs under this root, made when it isn't there; whoever comes first makes it.

        Raises:
            TryAgain: it cannot be read or made.
        """
        path = self._root / "pseudonyms.key"
        with doing("use", path):
            if not path.exists():
                self._root.mkdir(parents=True, exist_ok=True)
                partial = _partial(path)
                partial.unlink(missing_ok=True)
                partial.touch(mode=0o600)
                with partial.open("wb") as file:
                    file.write(secrets.token_bytes(_KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    path.hardlink_to(partial)
                partial.unlink()
            return path.read_bytes()

    def verify(self, snapshot: Snapshot) -> None:
        """Check that a snapshot's file still has its fingerprint.

        Raises:
            TamperError: it has another one.
            Unavailable: the file is not there.
        """
        found = fingerprint_of(Path(snapshot.uri))
        if found != snapshot.fingerprint:
            raise TamperError(
                f"the rows were changed: expected {snapshot.fingerprint}, found {found}", where=snapshot.uri
            )

    def write_json(self, run_id: str, name: str, payload: Any) -> Path:
        """Keep a JSON value under a name; written again it replaces the old one."""
        path = self.folder(run_id) / f"{name}.json"
        write_text(path, canonical(payload))
        return path

    def read_json(self, run_id: str, name: str) -> Any:
        """The JSON value under a name.

        Raises:
            Unavailable: there is none.
            TamperError: the file holds something else.
        """
        path = self._root / run_id / f"{name}.json"
        try:
            return json.loads(path.read_text("utf-8", "surrogatepass"))
        except FileNotFoundError as error:
            raise Unavailable(f"{path} is not in staging", todo="restore it, or run the pipeline again") from error
        except ValueError as error:
            raise TamperError(f"{path} was changed: it is no JSON any more", todo="restore it") from error

    def forget(self, run_id: str, name: str) -> None:
        """Remove a snapshot that lives on in another one, and what lies beside it."""
        folder = self._root / run_id
        for path in (folder / f"snapshot-{name}.json", *folder.glob(f"{glob.escape(name)}.*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def position(self, pipeline: str, source: str) -> Mapping[str, Any]:
        """Where the pipeline's last acknowledged read of a source ended; empty when there was none."""
        path = self._position(pipeline, source)
        return dict(json.loads(path.read_text("utf-8"))["position"]) if path.exists() else {}

    def advance(
        self, pipeline: str, source: str, run_id: str, *, since: Mapping[str, Any], position: Mapping[str, Any]
    ) -> None:
        """Keep where the pipeline's next read of a source goes on; said again by the same run, nothing changes.

        Raises:
            Abort: the last acknowledged read did not end where this one began: another run read the same meanwhile.
        """
        path = self._position(pipeline, source)
        with doing("make", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(path.read_text("utf-8")) if path.exists() else {"run": "", "position": {}}
            if known["run"] == run_id:
                return
            if known["position"] != dict(since):
                raise Abort(
                    f"run {known['run']} has read the same part of {source} meanwhile",
                    todo="stop this run, and start a new one: it goes on where that run ended",
                )
            write_text(path, canonical({"pipeline": pipeline, "source": source, "run": run_id, "position": position}))

    def retreat(self, pipeline: str, source: str, run_id: str, *, since: Mapping[str, Any]) -> bool:
        """Let the pipeline's next read of a source begin where this run's did; False when another has read since."""
        path = self._position(pipeline, source)
        if not path.exists():
            return False
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(path.read_text("utf-8"))
            if known["run"] == run_id:
                known = {**known, "run": "", "position": dict(since)}
                write_text(path, canonical(known))
        return bool(known["position"] == dict(since))

    def _position(self, pipeline: str, source: str) -> Path:
        known_by = hashlib.sha256(source.encode()).hexdigest()[:16]
        return self._root / "positions" / f"{pipeline}-{known_by}.json"

    def _told(
        self,
        run_id: str,
        name: str,
        columns: Sequence[str],
        written: tuple[str, str, int],
        parent: str | None,
        about: Mapping[str, Any],
    ) -> Snapshot:
        """A snapshot that was written, with its manifest."""
        snapshot = Snapshot(name, *written, tuple(columns), parent)
        self.write_json(run_id, f"snapshot-{name}", {**snapshot.__dict__, "about": about, "engine": _engine()})
        return snapshot

    def _copy(self, run_id: str, name: str, table: ibis.Table, options: str = _PARQUET) -> tuple[str, str, int]:
        return self._published(run_id, name, lambda partial: write_table(table, partial, options))

    def _published(self, run_id: str, name: str, write: Callable[[Path], int]) -> tuple[str, str, int]:
        """Write a file that has a name of its own once it is whole: its address, fingerprint and rows."""
        path = self.folder(run_id) / f"{name}.parquet"
        partial = _partial(path)
        sweep(path)
        try:
            with doing("write", path):
                rows = write(partial)
            fingerprint = fingerprint_of(partial)
            if path.exists() and fingerprint_of(path) != fingerprint:
                raise Abort(
                    f"the run has other rows under the name '{name}'", where=str(path), todo="nothing was changed"
                )
            publish(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return str(path), fingerprint, rows


@contextmanager
def connected(memory: str = ENGINE_MEMORY) -> Iterator[Backend]:
    """An in-memory DuckDB connection, closed afterwards.

    It takes at most `GONOGO_ENGINE_MEMORY` (e.g. "4GB"), by default `memory`; what does not fit goes to the temporary
    folder (`TMPDIR`).

    Raises:
        SpecError: that is no amount of memory.
    """
    import duckdb
    import pyarrow as pa

    from blocks.engine import Engine

    pa.set_memory_pool(pa.system_memory_pool())  # the pool of its own keeps a good part of what is given back to it
    memory = os.environ.get("GONOGO_ENGINE_MEMORY") or memory
    with scratch() as spill:
        try:
            backend = Engine().connect(
                preserve_insertion_order=True,
                temp_directory=str(spill),
                memory_limit=memory,
                enable_external_file_cache=False,  # the system keeps files that are read again, outside this memory
            )
        except duckdb.ParserException as error:
            what = f"'{memory}' is no amount of memory"
            raise SpecError(what, where="GONOGO_ENGINE_MEMORY", todo="write e.g. 900MB or 4GB") from error
        try:
            yield backend
        finally:
            backend.disconnect()


def distinct_values(uri: str, column: str, name: str) -> str:
    """A query for `column` (which is `name`) and `value`: every value that a column of a snapshot holds, once."""
    own = _identifier(column)
    return (
        f'SELECT DISTINCT {_text(name)} AS "column", {own} AS value FROM read_parquet({_text(uri)}) '
        f"WHERE {own} IS NOT NULL"
    )


def fingerprint_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as `sha256:<hex>`.

    Raises:
        Unavailable: the file is not there.
    """
    hash = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                hash.update(chunk)
    except FileNotFoundError as error:
        raise Unavailable(f"{path} is not there", todo="restore it, or run the pipeline again") from error
    return f"sha256:{hash.hexdigest()}"


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a text file wholly or not at all.

    Raises:
        TryAgain: the disk is full or the folder cannot be written to.
    """
    write_bytes(path, text.encode("utf-8", "surrogatepass"), mode)


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file wholly or not at all; raises as `write_text` does."""
    partial = _partial(path)
    with doing("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.chmod(mode)
    publish(partial, path)


def write_csv(table: ibis.Table, path: Path, *, escape_formulas: bool = False) -> int:
    """Write a table as CSV (UTF-8, RFC 4180, null as nothing) wholly or not at all; gives the number of rows.

    Args:
        table: of any connection; written in its order.
        path: the file; its folder is made.
        escape_formulas: put an apostrophe before text that a spreadsheet would run (`tasks.quality.spreadsheet`).

    Raises:
        TryAgain: the disk is full or the folder cannot be written to.
    """
    import ibis.selectors as s

    if escape_formulas:
        table = table.mutate(s.across(s.of_type("string"), escaped_column))
    with doing("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        rows = write_table(table, partial, "FORMAT csv, HEADER true, NULLSTR ''")
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name, durably.

    Raises:
        TryAgain: the disk is full or the folder cannot be written to.
    """
    with doing("write", path):
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_table(table: ibis.Table, path: Path, options: str) -> int:
    """Write a table to a file with DuckDB's COPY and these options; gives the number of rows.

    What does not fit into memory by several threads at once is written by one alone, which takes less.

    Raises:
        TryAgain: the disk is full or the folder cannot be written to.
    """
    import duckdb
    import ibis

    backend = table._find_backend(use_default=True)  # noqa: SLF001  (a memtable alone has none of its own)
    assert isinstance(backend, ibis.backends.duckdb.Backend)  # noqa: S101  (staging computes in DuckDB only)
    backend._run_pre_execute_hooks(table)  # noqa: SLF001  (registers memtables, as every execution of Ibis does)
    copy = f"COPY ({backend.compile(table)}) TO {_text(str(path))} ({options})"
    try:
        with suppress(duckdb.OutOfMemoryException):
            return _copied(backend, copy)
        with _roomy(backend), _set(backend, "threads", "1"):
            return _copied(backend, copy)
    except duckdb.IOException as error:
        todo = "free some space, or check the folder"
        raise TryAgain(f"cannot write {path.name}: {error}", where=str(path.parent), todo=todo) from error
    except duckdb.OutOfMemoryException as error:
        todo = "set GONOGO_ENGINE_MEMORY to more, e.g. 4GB, then go on with 'gonogo resume'"
        raise TryAgain(f"not enough memory for {path.name}: {error}", todo=todo) from error


def _copied(backend: Backend, copy: str) -> int:
    """The rows that a COPY has written."""
    copied = backend.raw_sql(copy).fetchone()
    return int(copied[0]) if copied else 0


def _write_in_order(table: ibis.Table, path: Path) -> int:
    """Write a table by `_row`; it is sorted only where the engine gives it otherwise, which takes half as long again.

    Raises:
        TryAgain: as `write_table`.
    """
    numbers = (batch.column(0) for batch in table.select(ROW).to_pyarrow_batches())
    if _ascend(numbers):
        with _roomy(table.get_backend()):
            rows = write_table(table, path, _PARQUET)
        if _is_in_order(path):
            return rows
    return write_table(table.order_by(ROW), path, _PARQUET)


def _roomy(backend: Any) -> AbstractContextManager[None]:
    """Let the engine take `WRITE_MEMORY`, unless the user says how much it may take: two cores have room in it."""
    return nullcontext() if os.environ.get("GONOGO_ENGINE_MEMORY") else _set(backend, "memory_limit", WRITE_MEMORY)


@contextmanager
def _set(backend: Any, setting: str, value: str) -> Iterator[None]:
    """Another value for a setting of the engine for a while."""
    (before,) = backend.raw_sql(f"SELECT current_setting('{setting}')").fetchone()
    backend.raw_sql(f"SET {setting} = '{value}'")
    try:
        yield
    finally:
        backend.raw_sql(f"SET {setting} = '{before}'")


def _is_in_order(path: Path) -> bool:
    """Whether a file has its rows by `_row`, in row groups of the size that sorted ones have."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        groups = (file.read_row_group(i, [ROW])[ROW] for i in range(len(sizes)))
        return all(size == GROUP_ROWS for size in sizes[:-1]) and _ascend(groups)


def _ascend(parts: Iterable[pa.Array | pa.ChunkedArray]) -> bool:
    """Whether numbers that come in parts are each larger than the one before."""
    import numpy as np

    last = -1
    for numbers in (part.to_numpy() for part in parts if len(part)):
        if numbers[0] <= last or not np.all(numbers[1:] > numbers[:-1]):
            return False
        last = numbers[-1]
    return True


@contextmanager
def doing(what: str, path: Path) -> Iterator[None]:
    """Tell what the operating system refuses in words, with what to do about it.

    Raises:
        TryAgain: it refused.
    """
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        todo = "free some space, then go on with 'gonogo resume'" if error.errno == errno.ENOSPC else "check the folder"
        raise TryAgain(f"cannot {what} {path}: {why}", todo=todo) from error


def encoded(snapshot: Snapshot, columns: Sequence[str]) -> Iterator[pa.Table]:
    """`_row` and columns of a snapshot as dictionaries: its file has most texts as such, so none is read twice.

    Of long texts fewer rows come at once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(snapshot.uri, read_dictionary=list(columns), pre_buffer=True) as file:
        for groups, at_once in _together(file.metadata, {ROW, *columns}):
            if at_once:
                yield file.read_row_groups(groups, [ROW, *columns])
            else:
                batches = file.iter_batches(_FEW_ROWS, row_groups=groups, columns=[ROW, *columns])
                yield from (pa.Table.from_batches([batch]) for batch in batches)


def _together(about: Any, columns: Collection[str]) -> Iterator[tuple[list[int], bool]]:
    """Row groups, and whether they can be read at once: one that is too large for that comes alone."""
    taken: list[int] = []
    rows = size = 0
    for place in range(about.num_row_groups):
        group = about.row_group(place)
        parts = [group.column(n) for n in range(group.num_columns)]
        own = sum(part.total_uncompressed_size for part in parts if part.path_in_schema in columns)
        if taken and (rows + group.num_rows > _ROWS_AT_ONCE or size + own > _BYTES_AT_ONCE):
            yield taken, True
            taken, rows, size = [], 0, 0
        if own > _BYTES_AT_ONCE:
            yield [place], False
        else:
            taken, rows, size = [*taken, place], rows + group.num_rows, size + own
    if taken:
        yield taken, True


def _engine() -> dict[str, str]:
    import duckdb
    import ibis

    return {"duckdb": duckdb.__version__, "ibis": ibis.__version__}


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def sweep(path: Path) -> None:
    """Remove what processes left half written that are no more."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*"):
        pid = partial.suffix.removeprefix(".")
        if pid.isdecimal() and not _lives(int(pid)):
            partial.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _beside(uri: str, suffix: str) -> Path:
    return Path(uri.removesuffix(".parquet") + suffix)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
