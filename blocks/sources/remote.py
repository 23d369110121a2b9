"""Files at addresses that fsspec knows (HTTP, HTTPS, SFTP and others), fetched into a read's landing folder.

A file is there wholly or not at all; a read that was killed goes on with the file it was at. An SFTP server must be
in `~/.ssh/known_hosts` (`GONOGO_KNOWN_HOSTS` names another file): a stranger is not trusted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from blocks.sources.base import Reading
from blocks.sources.beginning import BEGINNING_BYTES, Beginning
from blocks.sources.formats import format_of
from blocks.sources.records import FORMATS_TODO, Landed
from blocks.staging import doing, publish
from tasks.quality.errors import SourceError, SpecError, TryAgain, Unavailable, did_you_mean
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CHUNK_BYTES = 1 << 20
_SECONDS = 30
_MOST_NAMED = 8
_PATTERN = "*?["
_GONE = (404, 410)
_REFUSED = (401, 403)
_SSH = ("sftp", "ssh")
_HTTP = ("http", "https")


@dataclass(frozen=True)
class Address:
    """Where files are to be fetched.

    Attributes:
        url: of a file, or a pattern; it may hold a password.
        any_name: whether files whose names tell no format are meant, too.
        key_file: private key for SFTP; without one those of the SSH agent and of `~/.ssh` are tried.
    """

    url: str
    any_name: bool = False
    key_file: str | None = None


def fetched(address: Address, reading: Reading) -> list[Landed]:
    """The files of an address, in the order of their paths, fetched into the landing folder.

    Raises:
        Unavailable: the server or the file is not there.
        SourceError: nothing there is a readable file, or the server refuses us.
    """
    landing, found = reading.landing(), []
    with _told(address.url):
        files = _files(address)
        for number, (system, path) in enumerate(files):
            name = _name(path)
            target = landing / f"{number:06d}-{name}"
            if not target.exists():
                _fetch(system, path, target, name, _where(address, path), reading)
            found.append(Landed(target, name, _where(address, path)))
    return found


def listed(address: Address) -> list[str]:
    """The names of an address's files; nothing is fetched. Raises as `fetched` does."""
    with _told(address.url):
        return [_name(path) for _system, path in _files(address)]


def beginning(address: Address) -> Beginning:
    """The first bytes of an address's first file. Raises as `fetched` does."""
    with _told(address.url):
        system, path = _files(address)[0]
        content = b""
        with _open(system, path, _where(address, path)) as file:
            while more := file.read(BEGINNING_BYTES - len(content)):
                content += more
    return Beginning(content, _name(path), _where(address, path))


def _name(path: str) -> str:
    return PurePosixPath(urlsplit(path).path).name or "file"


def _where(address: Address, path: str) -> str:
    """A file as the user knows it, without the address's password."""
    server = urlsplit(address.url)
    return mask(path if "://" in path else f"{server.scheme}://{server.netloc}{path}")


def can_settle(url: str) -> bool:
    """Whether files at such an address can be moved and tagged."""
    return urlsplit(url).scheme in _SSH


def put_away(address: Address, read: Collection[tuple[str, str]], folder: str) -> int:
    """Move files to a folder of their server, where they still are what was read; gives how many they were.

    Args:
        address: they were read from.
        read: their names and fingerprints.
        folder: beside them, or from the root; it is made if it is not there.

    Raises:
        TryAgain: one cannot be moved.
    """
    return sum(_moved(system, path, folder) for system, path in _as_read(address, read))


def tagged(address: Address, read: Collection[tuple[str, str]], said: str) -> int:
    """Write beside each file what became of it, where it still is what was read; gives how many they were.

    Raises:
        TryAgain: nothing can be written there.
    """
    return sum(_tagged(system, path, said) for system, path in _as_read(address, read))


def _as_read(address: Address, read: Collection[tuple[str, str]]) -> Iterator[tuple[AbstractFileSystem, PurePosixPath]]:
    names = {name for name, _fingerprint in read}
    with _told(address.url):
        try:
            files = _files(address)
        except (Unavailable, SourceError):  # moved already
            return
        for system, path in files:
            name = PurePosixPath(path).name
            if name in names and (name, _fingerprint(system, path)) in read:
                yield system, PurePosixPath(path)


def _fingerprint(system: AbstractFileSystem, path: str) -> str:
    with system.open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _moved(system: AbstractFileSystem, path: PurePosixPath, folder: str) -> bool:
    to = path.parent / folder
    target, number = to / path.name, 2
    with _changing("moved", path):
        system.makedirs(str(to), exist_ok=True)
        while system.exists(str(target)):
            target, number = to / f"{path.stem}-{number}{path.suffix}", number + 1
        system.mv(str(path), str(target))
    return True


def _tagged(system: AbstractFileSystem, path: PurePosixPath, said: str) -> bool:
    target = path.with_name(f".{path.name}.gonogo.json")
    partial = target.with_name(f"{target.name}.part")
    with _changing("tagged", path):
        system.pipe_file(str(partial), said.encode())
        system.mv(str(partial), str(target))
    return True


@contextmanager
def _changing(how: str, path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = "check the rights and the space there, then run it again"
        raise TryAgain(f"it cannot be {how}: {error.strerror or error}", where=str(path), todo=todo) from error


def _files(address: Address) -> list[tuple[AbstractFileSystem, str]]:
    system, path = _opened(address)
    name = PurePosixPath(path).name
    if not any(mark in name for mark in _PATTERN):
        try:
            system.info(path)
        except FileNotFoundError as error:
            cause = error.__cause__  # over HTTP whatever went wrong is "not found"
            if cause is not None and getattr(cause, "status", None) not in _GONE:
                raise cause from None
            raise _absent(system, path, address) from error
        return [(system, path)]
    found = sorted(str(each) for each in system.glob(path) if not PurePosixPath(each).name.startswith("."))
    readable = [each for each in found if address.any_name or format_of(PurePosixPath(urlsplit(each).path)) is not None]
    if not found:
        raise _absent(system, path, address)
    if not readable:
        names = [PurePosixPath(each).name for each in found[:_MOST_NAMED]]
        raise SourceError("no readable file", where=mask(address.url), available=names, todo=FORMATS_TODO)
    return [(system, each) for each in readable]


def _absent(system: AbstractFileSystem, path: str, address: Address) -> Unavailable:
    name, there = PurePosixPath(urlsplit(path).path).name, []
    if "http" not in system.protocol:
        folder = str(PurePosixPath(path).parent)
        found = system.ls(folder, detail=False) if system.exists(folder) else []
        there = sorted(PurePosixPath(each).name for each in found)
    todo = did_you_mean(name, there) or "check the address"
    return Unavailable(f"no file '{name}'", where=mask(address.url), available=there[:_MOST_NAMED], todo=todo)


def _opened(address: Address) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations

    scheme = urlsplit(address.url).scheme
    if scheme not in known_implementations:
        some = ("http", "https", "sftp", "ftp")
        raise SpecError(f"'{scheme}' is no kind of address", where="source.path", available=some)
    more: dict[str, Any] = {"skip_instance_cache": True}
    if scheme in _SSH:
        more |= {"host_key_policy": _known_hosts(), "timeout": _SECONDS, "banner_timeout": _SECONDS}
        more |= {"key_filename": address.key_file} if address.key_file else {}
    if scheme in _HTTP:
        from aiohttp import ClientTimeout

        slow = ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS)  # not: a large file takes long
        more |= {"client_kwargs": {"timeout": slow}}
    try:
        system, path = url_to_fs(address.url, **more)
    except ImportError as error:
        raise SpecError(f"addresses with '{scheme}://' need a package: {error}", where="source.path") from error
    return system, path


def _known_hosts() -> Any:
    """A policy that trusts the servers of `known_hosts` and no other."""
    import paramiko

    file = Path(os.environ.get("GONOGO_KNOWN_HOSTS") or "~/.ssh/known_hosts").expanduser()

    class KnownHosts(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
            known = paramiko.HostKeys(str(file)) if file.exists() else paramiko.HostKeys()
            if not known.check(hostname, key):
                told = f"its key is {key.get_name()} {key.fingerprint}"
                raise Unavailable(
                    f"the server is not in {file}, or has another key there; {told}",
                    where=hostname,
                    todo="if that is the server's key, add it, e.g. with 'ssh-keyscan'",
                )

    return KnownHosts()


def _open(system: AbstractFileSystem, path: str, where: str) -> Any:
    try:
        return system.open(path, "rb", block_size=0 if "http" in system.protocol else None)
    except PermissionError as error:
        what = f"not allowed to read '{_name(path)}'"
        raise Unavailable(what, where=where, todo="check its rights there") from error


def _fetch(system: AbstractFileSystem, path: str, target: Path, name: str, where: str, reading: Reading) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    size = int(system.info(path).get("size") or 0)
    done = 0
    try:
        with _open(system, path, where) as remote:
            with doing("write", partial):
                file = partial.open("wb")
            with file:
                while chunk := remote.read(_CHUNK_BYTES):
                    with doing("write", partial):
                        done += file.write(chunk)
                    reading.progress(f"fetching {name}", done, size)
        if size and done != size:
            raise TryAgain(f"{done:,} of {size:,} bytes arrived", where=where, todo="try again")
        publish(partial, target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Tell what a server refuses in words, without the address's password.

    Raises:
        SourceError: it refuses us.
        Unavailable: it cannot be reached.
    """
    import aiohttp
    import paramiko

    try:
        yield
    except paramiko.AuthenticationException as error:
        todo = "check the user and the password or 'key_file'"
        raise SourceError("the server refuses this user, password or key", where=mask(address), todo=todo) from error
    except aiohttp.ClientResponseError as error:
        if error.status not in _REFUSED:
            raise _unreachable(error, address) from error
        what, todo = f"the server refuses us (HTTP {error.status})", "check the address, the user and the password"
        raise SourceError(what, where=mask(address), todo=todo) from error
    except PermissionError as error:
        raise Unavailable("not allowed to look there", where=mask(address), todo="check the rights there") from error
    except (OSError, EOFError, TimeoutError, aiohttp.ClientError, paramiko.SSHException) as error:
        raise _unreachable(error, address) from error


def _unreachable(error: Exception, address: str) -> Unavailable:
    why = mask(str(error)).strip().partition("\n")[0] or type(error).__name__
    todo = "check the address, the server and the password"
    return Unavailable(f"cannot be fetched: {why}", where=mask(address), todo=todo)
