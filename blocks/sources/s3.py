"""Objects of S3, or of a server that speaks its protocol: one, those under a prefix, or those that a pattern matches.

What is to be read is listed once and kept in the landing folder, so a read that was killed goes on with the same
objects. Each is fetched in parts of `PART_BYTES`, several at once, each only as long as the object still has the ETag
that was listed; a part that is here is not fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from fnmatch import translate
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from blocks.probe import Probe
from blocks.s3 import ATTEMPTS, MOST_NAMED, WORKERS, S3Connection, code_of, is_gone, is_lost, plain
from blocks.sources.base import Batch, Outcome, Reading
from blocks.sources.beginning import BEGINNING_BYTES, Beginning, told_by
from blocks.sources.formats import format_of
from blocks.sources.options import FileOptions
from blocks.sources.records import FORMATS_TODO, Landed, read_files
from blocks.staging import doing, publish, write_text
from tasks.quality.errors import GonogoError, NothingNew, SourceError, Unavailable, did_you_mean
from tasks.quality.ledger import canonical
from tasks.quality.wording import plural

PART_BYTES = 16 << 20
PAGE_OBJECTS = 1000
MOST_TAGS = 10
"""S3 keeps no more on an object."""

_NO_VERSION = ("InvalidArgument", "400")
_CHUNK_BYTES = 1 << 20
_WILD = re.compile(r"[*?\[]")
_KEPT_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")


@dataclass(frozen=True)
class Object:
    """An object as it was listed: `etag` without quotes; `version` is empty where the bucket keeps none."""

    key: str
    etag: str
    size: int
    version: str = ""

    @property
    def fingerprint(self) -> str:
        """What its content is known by, e.g. `etag:9b2cf535 version:3HL4`."""
        return f"etag:{self.etag}" + (f" version:{self.version}" if self.version else "")

    @property
    def landing(self) -> str:
        """The name of its file in the landing folder."""
        return hashlib.sha256(json.dumps([self.key, self.etag, self.version]).encode()).hexdigest()[:32]

    @property
    def parts(self) -> list[tuple[int, int]]:
        """The first byte of each part, and the first after it."""
        starts = range(0, max(self.size, 1), PART_BYTES)
        return [(start, min(start + PART_BYTES, self.size)) for start in starts]


@dataclass(frozen=True)
class Listing:
    """What one read is about; kept so that a read that was killed is about the same."""

    objects: tuple[Object, ...]
    since: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class S3Source(FileOptions, S3Connection):
    """Objects of S3, or of a server that speaks its protocol; read as files are, in the order of their keys."""

    SIDE: ClassVar = "source"
    REFUSED: ClassVar = SourceError
    EXAMPLE: ClassVar = """
kind: s3
bucket: shop-exports
pattern: in/2026/*.csv.gz        # or one 'key', or all under a 'prefix'
region: eu-central-1             # or endpoint: https://minio.example.org
access_key: ${SHOP_ACCESS_KEY}   # or a profile, or what AWS tools find by themselves
secret_key: ${SHOP_SECRET_KEY}
once: true                       # each object once, as long as its content stays the same
after: move                      # move what was loaded
move_to: done/
"""

    kind: Literal["s3"] = "s3"
    key: str | None = Field(default=None, min_length=1, description="of one object")
    prefix: str | None = Field(default=None, description="that the objects' keys begin with; '' for the whole bucket")
    pattern: str | None = Field(
        default=None,
        min_length=1,
        description="of keys, such as 'in/2026/*.csv.gz'; * and ? stay within a folder, ** goes through folders",
    )
    version: str | None = Field(default=None, min_length=1, description="of the object 'key'; by default the latest")
    once: bool = Field(default=False, description="read each object once, known by its key and ETag")
    after: Literal["keep", "tag", "move"] = Field(
        default="keep",
        description="when the run has ended: leave the objects; tag them with gonogo-run and gonogo-outcome (loaded or "
        "stopped); or move those that were loaded to 'move_to'",
    )
    move_to: str | None = Field(
        default=None, min_length=1, description="prefix in the same bucket that loaded objects are moved to"
    )

    @model_validator(mode="after")
    def _is_one_of(self) -> S3Source:
        if sum(named is not None for named in (self.key, self.prefix, self.pattern)) != 1:
            raise ValueError("name exactly one of 'key', 'prefix' and 'pattern'")
        if self.version and self.key is None:
            raise ValueError("'version' is of one object: name its 'key'")
        if (self.after == "move") != bool(self.move_to):
            raise ValueError("'after: move' and 'move_to: PREFIX' go together")
        if self.after == "move" and self.version:
            raise ValueError("a version stays where it is; leave out 'after: move'")
        return self

    def describe(self) -> str:
        """The source in words, without secrets."""
        version = f" version {self.version}" if self.version else ""
        return f"{self.address(str(self.key or self.prefix or self.pattern or ''))}{version}{self.at}"

    def read(self, reading: Reading) -> Batch:
        """Fetch the objects, and read every one into one snapshot.

        Raises:
            SourceError: nothing there can be read as described, the bucket is not ours, or an object changed meanwhile.
            Unavailable: the server cannot be reached, or there is no such object.
            NothingNew: every object was read before.
        """
        client, kept = self.client(), reading.landing() / "listing.json"
        with self.told(client=client):
            listing = _recalled(kept) or self._listing(client, reading)
            write_text(kept, canonical(asdict(listing)))
        try:
            with self.told(client=client):
                landed = _Fetch(self, client, reading).all(listing.objects)
            batch = read_files(landed, self, reading)
        except SourceError:
            kept.unlink()  # what is put there instead is listed anew
            raise
        for file in landed:
            file.path.unlink()
        position = {}
        if self.once:
            position = {"read": {**listing.since.get("read", {}), **{one.key: one.etag for one in listing.objects}}}
        return replace(batch, notes=(*listing.notes, *batch.notes), since=listing.since, position=position)

    def _listing(self, client: Any, reading: Reading) -> Listing:
        since = reading.position(self.identity()) if self.once else {}
        found, notes = self._readable(self._found(client))
        if not found:
            raise self._nothing(client, before=bool(since))
        before = since.get("read", {})
        new = tuple(one for one in found if before.get(one.key) != one.etag)
        if not new:
            raise NothingNew(f"no new object: {len(found):,} read before", where=self.describe())
        if changed := [one.key for one in new if one.key in before]:
            notes += (f"changed since they were read before, and read again: {', '.join(_some(changed))}",)
        for one in new if self.move_to else ():
            if self._wants(self._moved(one.key)):
                what = f"'{one.key}' would be moved to '{self._moved(one.key)}', which would be read again"
                raise SourceError(what, where=self.describe(), todo="choose another 'move_to'")
        return Listing(new, since, notes)

    def _found(self, client: Any) -> list[Object]:
        """What is there by the name that is wanted, in the order of the keys."""
        from botocore.exceptions import ClientError

        if self.key is None:
            sized = {"PaginationConfig": {"PageSize": PAGE_OBJECTS}}
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._start, **self.paid, **sized
            )
            return sorted(
                (
                    Object(item["Key"], plain(item["ETag"]), int(item["Size"]))
                    for page in pages
                    for item in page.get("Contents", ())
                    if self._wants(item["Key"])
                ),
                key=lambda one: one.key,
            )
        try:
            return [self._head(client, self.key, self.version)]
        except ClientError as error:
            if is_gone(error) or (self.version and code_of(error) in _NO_VERSION):
                return []
            raise

    def _head(self, client: Any, key: str, version: str | None = None) -> Object:
        from botocore.exceptions import ClientError

        wanted = {"Bucket": self.bucket, "Key": key, **({"VersionId": version} if version else {}), **self.paid}
        try:
            said = client.head_object(**wanted)
        except ClientError as error:
            if code_of(error) in ("403", "400"):  # why is only said to requests that have an answer
                client.get_object(**wanted, Range="bytes=0-0")["Body"].close()
            raise
        if "ETag" not in said:
            raise Unavailable(
                f"what answers{self.at} is no S3 server", where=self.address(key), todo="check 'endpoint'"
            )
        return Object(key, plain(said["ETag"]), int(said["ContentLength"]), _version_in(said))

    def _readable(self, found: Sequence[Object]) -> tuple[list[Object], tuple[str, ...]]:
        """Those whose names tell a format, and a note about the others."""
        if self.key is not None or self.format is not None:
            return list(found), ()
        readable = [one for one in found if format_of(PurePosixPath(one.key)) is not None]
        others = [one.key for one in found if format_of(PurePosixPath(one.key)) is None]
        if found and not readable:
            raise SourceError("no readable object", where=self.describe(), available=_some(others), todo=FORMATS_TODO)
        names = ", ".join(_some(others))
        return readable, (f"left out, as their names tell no format: {names}",) if others else ()

    def _wants(self, key: str) -> bool:
        name = key.rpartition("/")[2]
        if self.key is not None:
            return key == self.key
        if self.pattern is not None:
            return bool(name) and self._matching.fullmatch(key) is not None
        return bool(name) and not name.startswith(".") and key.startswith(self._start)

    @cached_property
    def _start(self) -> str:
        """What all keys begin with."""
        return _WILD.split(self.pattern)[0] if self.pattern is not None else str(self.prefix or "")

    @cached_property
    def _matching(self) -> re.Pattern[str]:
        return re.compile(_expression(str(self.pattern)), re.DOTALL)

    def _nothing(self, client: Any, *, before: bool) -> GonogoError:
        """Why there is no object: all were moved, or none was ever there."""
        if before or (self.move_to and self._listed(client, self.move_to)):
            return NothingNew("no object is there", where=self.describe())
        if self.version and self._listed(client, str(self.key)):
            return Unavailable(f"no version '{self.version}'", where=self.address(str(self.key)), todo="check it")
        wanted = str(self.key or self._start)
        there = self._listed(client, wanted.rpartition("/")[0] + "/" if "/" in wanted else "") or self._listed(client)
        todo = did_you_mean(wanted, there) or "check the name"
        what = f"no object '{self.key or self.prefix or self.pattern or ''}'"
        return Unavailable(what, where=self.address() + self.at, available=_some(there), todo=todo)

    def _listed(self, client: Any, start: str = "") -> list[str]:
        """Keys and folders that begin so, one level deep; none where they may not be listed."""
        from botocore.exceptions import ClientError

        try:
            page = client.list_objects_v2(Bucket=self.bucket, Prefix=start, Delimiter="/", **self.paid)
        except ClientError as error:
            if code_of(error) == "AccessDenied":
                return []
            raise
        folders = [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        return sorted([*folders, *(item["Key"] for item in page.get("Contents", ()))])

    def settle(self, batch: Batch, outcome: Outcome, reading: Reading) -> str:  # noqa: ARG002  (as every source)
        """Tag or move the objects that the batch was read from, where they still are what was read.

        Raises:
            SourceError: the server refuses.
            TryAgain: it cannot be reached, or is too busy.
        """
        if self.after == "keep" or (self.after == "move" and not outcome.loaded):
            return ""
        client, done, changed = self.client(), 0, 0
        for origin in batch.origins:
            etag, _, version = origin.fingerprint.removeprefix("etag:").partition(" version:")
            with self.told(self.address(origin.name), client):
                now = self._now(client, origin.name, version if self.after == "tag" else "")
                if now is None or plain(now["ETag"]) != etag:
                    changed += now is not None
                    continue
                done += 1
                if self.after == "tag":
                    self._tag(client, origin.name, version, outcome)
                else:
                    self._move(client, origin.name, now)
        objects = "1 object" if done == 1 else f"{done} objects"
        left = f"; {changed} changed since, and left as they are" if changed else ""
        return (f"{objects} tagged" if self.after == "tag" else f"{objects} moved to {self.move_to}") + left

    def _now(self, client: Any, key: str, version: str = "") -> Any:
        """The headers of an object; None when it is not there."""
        from botocore.exceptions import ClientError

        try:
            which = {"VersionId": version} if version else {}
            return client.head_object(Bucket=self.bucket, Key=key, **which, **self.paid)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def _tag(self, client: Any, key: str, version: str, outcome: Outcome) -> None:
        which = {"Bucket": self.bucket, "Key": key, **({"VersionId": version} if version else {}), **self.paid}
        before = {tag["Key"]: tag["Value"] for tag in client.get_object_tagging(**which).get("TagSet", ())}
        said = {"gonogo-run": outcome.run_id, "gonogo-outcome": "loaded" if outcome.loaded else "stopped"}
        after = {**before, **said}
        if len(after) > MOST_TAGS:
            todo = "remove some tags, or leave out 'after: tag'"
            raise SourceError(
                f"the object has {plural(len(before), 'tag')}, and {MOST_TAGS} at most", where=key, todo=todo
            )
        if after != before:
            tags = [{"Key": name, "Value": value} for name, value in after.items()]
            client.put_object_tagging(**which, Tagging={"TagSet": tags})

    def _move(self, client: Any, key: str, now: Mapping[str, Any]) -> None:
        """Copy the object, then delete it; a copy by the name that is of another object stays as it is."""
        from boto3.s3.transfer import TransferConfig
        from botocore.exceptions import ClientError

        etag, target = plain(now["ETag"]), self._moved(key)
        there = self._now(client, target)
        if there is not None and there["Metadata"].get("gonogo-etag") != etag:
            ending = "".join(PurePosixPath(target).suffixes)
            target = f"{target.removesuffix(ending)}-{etag[:8]}{ending}"
        about = {name: now[name] for name in _KEPT_HEADERS if name in now}
        more = {**about, "Metadata": {**now["Metadata"], "gonogo-etag": etag}, "MetadataDirective": "REPLACE"}
        more |= {
            "CopySourceIfMatch": now["ETag"],
            **({"StorageClass": now["StorageClass"]} if "StorageClass" in now else {}),
        }
        try:
            client.copy(
                {"Bucket": self.bucket, "Key": key},
                self.bucket,
                target,
                ExtraArgs={**more, **self.paid},
                Config=TransferConfig(use_threads=False),
            )
            client.delete_object(Bucket=self.bucket, Key=key, IfMatch=now["ETag"], **self.paid)
        except ClientError as error:
            if not is_lost(error):
                raise
            todo = f"look at it and at '{target}'"
            raise SourceError("the object changed while it was moved", where=self.address(key), todo=todo) from error

    def _moved(self, key: str) -> str:
        """The key that an object is moved to: its folders under what was asked for stay."""
        base = key if self.key is not None else self._start
        return f"{str(self.move_to).rstrip('/')}/{key[base.rfind('/') + 1 :]}"

    def probe(self, base: Path) -> Iterator[Probe]:  # noqa: ARG002  (as every source)
        """Whether there are credentials, a server, the bucket, objects in it, and whether the first can be read."""
        what = "find credentials"
        try:
            client = self.client()
            what = f"reach {self.address()}{self.at}"
            yield from self.knock(client)
            what = f"look for {self.describe()}"
            with self.told(client=client):
                found, _notes = self._readable(self._found(client))
                if not found:
                    raise self._nothing(client, before=False)
            count = "1 object" if len(found) == 1 else f"{len(found):,} objects"
            yield Probe(what, True, f"{count}, {plural(sum(one.size for one in found), 'byte')}")
            first = found[0]
            what = f"read {self.address(first.key)}"
            with self.told(self.address(first.key), client):
                which = {"VersionId": first.version} if self.version else {}
                wanted = {"Range": f"bytes=0-{BEGINNING_BYTES - 1}"} if first.size else {}
                said = client.get_object(Bucket=self.bucket, Key=first.key, **which, **wanted, **self.paid)
                content = said["Body"].read(BEGINNING_BYTES)
            yield Probe(what, True, told_by(Beginning(content, first.key, self.address(first.key)), self))
        except NothingNew as nothing:
            yield Probe(what, True, nothing.message)
        except GonogoError as error:
            yield Probe(what, False, error.message)


@dataclass(frozen=True)
class _Fetch:
    """Brings objects into the landing folder, several parts at once."""

    source: S3Source
    client: Any
    reading: Reading

    def all(self, objects: Sequence[Object]) -> list[Landed]:
        """Fetch what is not here yet.

        Raises:
            SourceError: an object is not what was listed any more.
        """
        total, done, landed = sum(one.size for one in objects), 0, []
        with ThreadPoolExecutor(WORKERS) as pool:
            waiting = [self._begin(one, pool) for one in objects]
            try:
                for one, parts in zip(objects, waiting, strict=True):
                    for part in parts:
                        done += part.result()
                        self.reading.progress(f"fetching {one.key}", done, total)
                    done += 0 if parts else one.size
                    landed.append(self._whole(one))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return landed

    def _begin(self, one: Object, pool: ThreadPoolExecutor) -> list[Future[int]]:
        """Nothing to wait for where the object is here."""
        return [] if self._path(one).exists() else [pool.submit(self._part, one, *part) for part in one.parts]

    def _part(self, one: Object, start: int, stop: int) -> int:
        """Fetch one part, unless it is here; gives its bytes."""
        path = self._path(one, f".{start}")
        attempt = 0
        while not path.exists():
            attempt += 1
            try:
                self._get(one, start, stop, path)
            except _BrokenOff as error:  # the client asks again only until the answer begins
                if attempt >= ATTEMPTS:
                    raise error.why from error
        return stop - start

    def _asked(self, one: Object, start: int, stop: int) -> Any:
        """The answer for a part, of which the body is still to come."""
        from botocore.exceptions import ClientError

        wanted = {"Bucket": self.source.bucket, "Key": one.key, "IfMatch": f'"{one.etag}"', **self.source.paid}
        wanted |= {"VersionId": self.source.version} if self.source.version else {}
        wanted |= {"Range": f"bytes={start}-{stop - 1}"} if stop - start < one.size else {}
        try:
            return self.client.get_object(**wanted)
        except ClientError as error:
            if is_lost(error) or is_gone(error):
                where = self.source.address(one.key)
                what = "the object changed, or went, while it was read"
                raise SourceError(what, where=where, todo="read again") from error
            raise

    def _get(self, one: Object, start: int, stop: int, path: Path) -> None:
        said = self._asked(one, start, stop)
        with closing(said["Body"]) as body:
            if (comes := int(said["ContentLength"])) != stop - start:
                what = f"{plural(comes, 'byte')} come where {stop - start:,} were asked for"
                todo = "use a server that gives parts of objects"
                raise Unavailable(what, where=self.source.address(one.key), todo=todo)
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            with doing("write", partial), partial.open("wb") as file:
                for chunk in _chunks(body):
                    file.write(chunk)
        if start == 0 and (version := _version_in(said)):
            write_text(self._path(one, ".version"), version)
        publish(partial, path)

    def _whole(self, one: Object) -> Landed:
        """The object from its parts, which go once it is whole."""
        path = self._path(one)
        if not path.exists():
            first, *others = [self._path(one, f".{start}") for start, _stop in one.parts]
            if others:
                partial = path.with_name(f".{path.name}.{os.getpid()}")
                with doing("write", partial), partial.open("wb") as file:
                    for part in (first, *others):
                        with part.open("rb") as piece:
                            shutil.copyfileobj(piece, file, _CHUNK_BYTES)
                publish(partial, path)
                for part in (first, *others):
                    part.unlink()
            else:
                first.replace(path)
        kept = self._path(one, ".version")
        known = replace(one, version=kept.read_text("utf-8") if kept.exists() else one.version)
        return Landed(path, one.key, self.source.address(one.key), known.fingerprint)

    def _path(self, one: Object, more: str = "") -> Path:
        return self.reading.landing() / f"{one.landing}{more}"


class _BrokenOff(Exception):
    """An answer broke off in its middle, and why."""

    def __init__(self, why: Exception) -> None:
        self.why = why


def _chunks(body: Any) -> Iterator[bytes]:
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    try:
        while chunk := body.read(_CHUNK_BYTES):
            yield chunk
    except (HTTPClientError, IncompleteReadError) as error:
        raise _BrokenOff(error) from error


def _recalled(kept: Path) -> Listing | None:
    if not kept.exists():
        return None
    said = json.loads(kept.read_text("utf-8"))
    return Listing(tuple(Object(**one) for one in said["objects"]), said["since"], tuple(said["notes"]))


def _version_in(said: Mapping[str, Any]) -> str:
    """The version that a server tells; a bucket that keeps no versions has none, or says `null`."""
    version = str(said.get("VersionId") or "")
    return "" if version == "null" else version


def _some(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) <= MOST_NAMED else [*names[:MOST_NAMED], f"and {len(names) - MOST_NAMED} more"]


def _expression(pattern: str) -> str:
    r"""A pattern as a regular expression: `*` and `?` stay within a folder, `**` goes through any number of them.

    >>> _expression("in/*.csv"), _expression("in/**/[ab].csv")
    ('in/[^/]*\\.csv', 'in/(?:.*/)?(?!/)[ab]\\.csv')
    """
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    marks = re.split(r"(\*\*/|\*\*|\*|\?|\[[!\]]?[^\]]*\])", pattern)
    return "".join(known.get(mark) or _choice(mark) for mark in marks if mark)


def _choice(mark: str) -> str:
    """Characters to choose from, such as `[a-z]`, or plain text."""
    told = translate(mark)
    return ("(?!/)" if mark.startswith("[") else "") + told[told.index(":") + 1 : told.rindex(")")]
