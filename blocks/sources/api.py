"""An HTTP API: JSON or CSV, page after page, with the authentication, the limits and the patience that it asks for.

Each page is kept in the landing folder as soon as it is whole, with what is to be asked next, so that a read which
broke goes on with the page at which it broke. A page's records are staged as JSON has them: numbers as they were
spelt, objects in objects as columns `address.city`, lists as JSON text; a record's line is its place on the page.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from blocks.probe import Probe
from blocks.scratch import scratch
from blocks.sources.base import Batch, Reading
from blocks.sources.json_values import compact, parse
from blocks.sources.options import FileOptions
from blocks.sources.paging import Auto, Page, Paging, Request, first_params, list_path, next_request, total_of, value_at
from blocks.sources.records import Landed, read_files
from blocks.sources.web import SHOWN_CHARACTERS, Answer, Asked, Authentication, Manners, Session, session
from blocks.staging import connected, doing, publish, write_text
from tasks.quality.errors import GonogoError, NothingNew, SourceError, did_you_mean
from tasks.quality.ledger import canonical
from tasks.quality.model import ROW
from tasks.quality.secrets import mask
from tasks.quality.wording import plural

_CSV = ("text/csv", "application/csv", "text/tab-separated-values")
_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
_HASH_DIGITS = 32


class NewRecords(BaseModel):
    """Ask only for what is new: the largest value of a field that was seen is sent with the next read's requests.

    Values are compared as numbers or moments if both are, else as text. Records with the largest value itself are
    known one by one, and those with a smaller one were read before: none is staged twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(min_length=1, description="of a record, e.g. updated_at or meta.changed")
    param: str = Field(min_length=1, description="parameter that is sent, e.g. since")
    first: str | None = Field(default=None, description="what the first read sends; by default nothing")


class ApiSource(FileOptions):
    """An HTTP API that gives JSON or CSV, in pages or at once; nested fields become columns 'address.city'."""

    HIDDEN: ClassVar = ("authentication", "headers")
    EXAMPLE: ClassVar = """
kind: api
url: https://api.example.org/v1/orders
params: {status: shipped}
authentication: {kind: bearer, token: "${SHOP_TOKEN}"}   # or key, basic, oauth2
records: data.items                # where the records are; found by itself when there is one list
paging: {kind: cursor, param: after, path: meta.next}    # found by itself when the API is like most
incremental: {field: updated_at, param: since, first: "2026-01-01"}
"""

    kind: Literal["api"] = "api"
    url: str = Field(min_length=1, pattern=r"^https?://")
    method: Literal["GET", "POST"] = Field(default="GET", description="a POST is taken for a query: it is tried again")
    params: Mapping[str, str | int | float | bool] = Field(default_factory=dict, description="query parameters")
    headers: Mapping[str, str] = Field(default_factory=dict, description="secrets in them written as ${NAME}")
    body: Mapping[str, Any] | None = Field(
        default=None, description="sent as JSON with POST, together with the parameters of paging"
    )
    authentication: Authentication | None = Field(default=None, description="key, basic, bearer or oauth2")
    paging: Paging = Field(default=Auto(), description="how to get from one page to the next; by default found out")
    incremental: NewRecords | None = Field(default=None, description="read only what is new")
    flatten: bool = Field(default=True, description="objects in objects become columns such as 'address.city'")
    most_pages: int = Field(default=10_000, ge=1, description="an API that has more is not read")
    most_bytes: int = Field(default=32 << 20, ge=1, description="of one page; all of it is held in memory")
    pause_seconds: float = Field(default=0.0, ge=0, description="between requests")
    retries: int = Field(default=5, ge=0, le=20, description="after errors that may pass")
    timeout_seconds: float = Field(default=30.0, gt=0, description="to connect, and between parts of an answer")
    ca_file: str | None = Field(default=None, description="certificates to trust, for servers of your own")
    hosts: tuple[str, ...] = Field(default=(), description="other hosts that it may lead to; no secret is sent there")

    @field_validator("authentication", "headers", mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """What a saved block holds as text, so that it can be hidden."""
        import yaml

        return yaml.safe_load(given) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _goes_together(self) -> ApiSource:
        if self.method == "GET" and self.body is not None:
            raise ValueError("a 'body' is sent with 'method: POST'")
        if self.format in ("parquet", "excel"):
            raise ValueError("an API gives JSON or CSV; for files at an address use 'kind: file'")
        if self.format == "csv" and self.incremental:
            raise ValueError("'incremental' looks into JSON records; leave it out for CSV")
        return self

    def describe(self) -> str:
        """The source in words, without secrets."""
        return f"API {mask(self.url)}"

    def identity(self) -> str:
        """The address, and what is asked there."""
        return f"{self.method} {mask(self.url)} {json.dumps([dict(self.params), self.body], sort_keys=True)}"

    def read(self, reading: Reading) -> Batch:
        """Fetch every page, and read them into one snapshot.

        Raises:
            SourceError: the API refuses the request, or what it gives is not what it says.
            Unavailable: it cannot be reached.
            TryAgain: it is too busy, or wants to be left alone for longer than we wait.
            NothingNew: it has no record that was not read before.
        """
        since = reading.position(self.identity()) if self.incremental else {}
        pages = _recalled(reading.landing())
        if not pages or pages[-1].then:
            with self._session() as asking:
                _Fetch(self, asking, reading, since, pages).rest()
        if not any(page.records for page in pages):
            if self.incremental:
                raise NothingNew(f"{self.describe()} has no record that was not read before")
            raise SourceError("the API gave no record", where=mask(self.url), todo="check 'params' and 'records'")
        files = [
            Landed(reading.landing() / page.file, f"page {number}", f"page {number} of {mask(self.url)}", page.content)
            for number, page in enumerate(pages, start=1)
            if page.records
        ]
        ending = files[0].path.suffix[1:]
        batch = read_files(files, self.model_copy(update={"format": ending, "records": None}), reading)
        notes = (*self._notes(pages), *batch.notes)
        places = _places(files, batch, reading) if ending == "ndjson" and _skips(pages, batch) else ""
        position = _position(since, pages) if self.incremental else {}
        return replace(batch, notes=notes, since=since, position=position, places=places)

    def _notes(self, pages: Sequence[_Kept]) -> Iterator[str]:
        if how := dict.fromkeys(page.how for page in pages if page.how):
            yield f"{plural(len(pages), 'page')}; the next one was found by {', '.join(how)}"
        found, total = sum(page.found for page in pages), next((p.total for p in pages if p.total is not None), None)
        if total is not None and total != found:
            yield f"the API said that there are {total:,} records, and gave {found:,}"
        if repeated := sum(page.repeated for page in pages):
            yield f"{plural(repeated, 'record stands', 'records stand')} on two pages: the data moved while it was read"
        if old := sum(page.old for page in pages):
            yield f"{plural(old, 'record was', 'records were')} read before, and left out"
        if without := sum(page.without for page in pages):
            field = self.incremental and self.incremental.field
            yield f"{plural(without, 'record has', 'records have')} no '{field}': every read has them"

    def probe(self, base: Path) -> Iterator[Probe]:  # noqa: ARG002  (as every source is tried)
        """Ask for the first page."""
        what = f"ask {mask(self.url)}"
        try:
            with self._session() as asking, scratch() as folder:
                path, request = folder / "page", Request(self.url, first_params(self.paging))
                answer = asking.ask(self._asked(request), path)
                yield Probe(
                    what, True, f"{answer.status}, {plural(answer.size, 'byte')} of {answer.content_type or 'no type'}"
                )
                what = "read the records"
                page = self._page(path, answer, asking)
                then = next_request(self.paging, request, page)
                more = f"; the next page is found by {then[1]}" if then else "; there is no other page"
                yield Probe(what, True, "CSV" if page.csv else f"{plural(len(page.records), 'record')}{more}")
        except GonogoError as error:
            yield Probe(what, False, error.message)

    def _session(self) -> AbstractContextManager[Session]:
        return session(
            Manners(
                self.url,
                self.authentication,
                self.headers,
                self.hosts,
                self.most_bytes,
                self.retries,
                self.timeout_seconds,
                self.pause_seconds,
                self.ca_file,
            )
        )

    def _asked(self, request: Request) -> Asked:
        """The request with everything that the settings say; an address that the API gave is whole."""
        import httpx

        post = self.method == "POST"
        url = httpx.URL(request.url)
        if not request.whole:
            own = {**self.params, **({} if post else request.params)}
            url = url.copy_merge_params({name: _spelt(value) for name, value in own.items()})
        return Asked(str(url), {**(self.body or {}), **request.params} if post else None, post)

    def _page(self, path: Path, answer: Answer, asking: Session) -> Page:
        """What an answer holds.

        Raises:
            SourceError: no records are in it.
        """
        kind, link = answer.content_type, answer.headers.get("link", "")
        if self.format == "csv" or (self.format is None and kind in _CSV):
            return Page(range(self._lines(path)), {}, link, csv=True)
        body, where = path.read_bytes(), asking.hidden(self.url)
        start = asking.hidden(body[:SHOWN_CHARACTERS].decode("utf-8", "replace"))
        try:
            text = body.decode("utf-8-sig")
            if self.format == "ndjson" or kind in _LINES:
                return Page([_line(line) for line in text.split("\n") if line.strip()], {}, link)
            value = parse(text)
        except (ValueError, RecursionError) as error:
            what = f"the answer is no JSON ({kind or 'no content type'}): {start!r}"
            raise SourceError(what, where=where, todo="check the address and the authentication") from error
        at = self.records if self.records is not None else list_path(value)
        found = value if at == "" else value_at(value, at) if at is not None else None
        if not isinstance(found, list):
            there = list(value) if isinstance(value, dict) else []
            what = f"no list of records{f' at {at!r}' if at else ''}: {start!r}"
            todo = did_you_mean(at or "", there) or "name it in 'records'"
            raise SourceError(what, where=where, available=there, todo=todo)
        return Page(found, value if isinstance(value, dict) else {}, link)

    def _lines(self, path: Path) -> int:
        """About how many records a CSV page has."""
        with path.open("rb") as lines:
            return max(sum(1 for line in lines if line.strip()) - (self.header is not False), 0)


@dataclass(frozen=True)
class _Kept:
    """What is known of a page that is here.

    Attributes:
        file: its records, in the landing folder.
        asked: hash of the request.
        then: the next request, None after the last page.
        how: the next page was found.
        content: fingerprint of the answer.
        same: hash of the records.
        found: records on it.
        records: of these, those that are staged.
        total: that the API says there are.
        largest: value of the watched field, and hashes of the records that have it.
    """

    file: str
    asked: str
    then: dict[str, Any] | None
    how: str
    content: str
    same: str
    found: int
    records: int = 0
    total: int | None = None
    repeated: int = 0
    old: int = 0
    without: int = 0
    largest: str | None = None
    seen: tuple[str, ...] = ()


def _recalled(folder: Path) -> list[_Kept]:
    """The pages that are here, in their order."""
    kept = [json.loads(path.read_text("utf-8", "surrogatepass")) for path in sorted(folder.glob("*.json"))]
    return [_Kept(**{**one, "seen": tuple(one["seen"])}) for one in kept]


def _skips(pages: Sequence[_Kept], batch: Batch) -> bool:
    """Whether a row's place on its page is more than the number of rows before it."""
    return bool(batch.quarantined or any(page.old for page in pages))


def _places(files: Sequence[Landed], batch: Batch, reading: Reading) -> str:
    """Keep which record of which page each row is; gives the address."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad: set[tuple[str, int]] = set()
    if batch.quarantine:
        table = pq.read_table(batch.quarantine, columns=["origin", "line"])
        bad = set(zip(table["origin"].to_pylist(), table["line"].to_pylist(), strict=True))
    origins, places = [], []
    for file in files:
        with file.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and (file.name, number) not in bad:
                    origins.append(file.name)
                    places.append(f"record {number:,}")
    rows = pa.table({ROW: pa.array(range(len(places)), pa.int64()), "origin": origins, "place": places})
    with connected() as tables:
        tables.con.register("places", rows)
        return reading.staging.write_aux(reading.run_id, f"{reading.name}.places", tables.table("places"))[0]


def _position(since: Mapping[str, Any], pages: Sequence[_Kept]) -> dict[str, Any]:
    """The largest value that was seen, and the records that have it."""
    value, seen = since.get("value"), set(since.get("seen", ()))
    for page in pages:
        if page.largest is None:
            continue
        if value is None or _after(page.largest, value):
            value, seen = page.largest, set(page.seen)
        elif not _after(value, page.largest):
            seen |= set(page.seen)
    return {} if value is None else {"value": value, "seen": sorted(seen)}


@dataclass
class _Fetch:
    """Brings pages into the landing folder, from where the last attempt broke."""

    source: ApiSource
    asking: Session
    reading: Reading
    since: Mapping[str, Any]
    pages: list[_Kept]
    before: frozenset[str] = field(default_factory=frozenset)

    def rest(self) -> None:
        """Fetch what is not here yet; raises as `ApiSource.read` does."""
        request: Request | None = Request(**self.pages[-1].then or {}) if self.pages else self._first()
        asked = {page.asked for page in self.pages}
        while request is not None:
            self._limit(request, asked)
            asked.add(request.key)
            request = self._fetch(request)
            self.reading.progress(f"fetching page {len(self.pages)}", sum(page.records for page in self.pages), 0)

    def _first(self) -> Request:
        given = self.source.incremental
        value = self.since.get("value", given.first) if given else None
        more = {given.param: value} if given and value is not None else {}
        return Request(self.source.url, {**first_params(self.source.paging), **more})

    def _limit(self, request: Request, asked: set[str]) -> None:
        where = self.asking.hidden(request.url)
        if len(self.pages) >= self.source.most_pages:
            what, todo = f"there are more than {self.source.most_pages:,} pages", "raise 'most_pages', if that is right"
            raise SourceError(what, where=where, todo=todo)
        if request.key in asked:
            todo = "declare 'paging', or tell the API's owner"
            raise SourceError(f"page {len(self.pages)} leads back to an earlier one", where=where, todo=todo)

    def _fetch(self, request: Request) -> Request | None:
        landing, number = self.reading.landing(), len(self.pages) + 1
        partial = landing / f".answer.{os.getpid()}"
        answer = self.asking.ask(self.source._asked(request), partial)  # noqa: SLF001  (one module, two objects)
        page = self.source._page(partial, answer, self.asking)  # noqa: SLF001  (the same)
        hashes = [_sha256(partial)] if page.csv else [_hash(record) for record in page.records]
        same = _hash(hashes)
        if self.pages and page.records and same == self.pages[-1].same:
            what = f"page {number} is the same as the one before it"
            todo = "declare 'paging': the API does not understand how we ask for the next page"
            raise SourceError(what, where=self.asking.hidden(request.url), todo=todo)
        then, how = next_request(self.source.paging, request, page, self._full) or (None, "")
        if then is not None:
            then = replace(then, url=self.asking.check(then.url))
        total = total_of(page.body)
        self._all_there(page, then, total, request)
        ending = "csv" if page.csv else "ndjson"
        kept = _Kept(
            f"{number:06d}.{ending}",
            request.key,
            asdict(then) if then else None,
            how,
            _sha256(partial),
            same,
            len(page.records),
            total=total,
        )
        kept = self._csv(kept, partial) if page.csv else self._records(kept, page.records, hashes)
        partial.unlink(missing_ok=True)
        write_text(landing / f"{number:06d}.json", canonical(asdict(kept)))
        self.pages.append(kept)
        return then

    @property
    def _full(self) -> int:
        """Records on the first page."""
        return self.pages[0].found if self.pages else 0

    def _all_there(self, page: Page, then: Request | None, total: int | None, request: Request) -> None:
        """Refuse to take one page for all when nobody said how to get at the others."""
        if total is None or then is not None or self.pages or self.source.paging.kind != "auto":
            return
        if total > len(page.records):
            what = f"the API says that there are {total:,} records, and gives {len(page.records):,}"
            todo = "declare 'paging' ('kind: none' if they are all)"
            raise SourceError(what, where=self.asking.hidden(request.url), todo=todo)

    def _csv(self, kept: _Kept, partial: Path) -> _Kept:
        if kept.found:
            publish(partial, self.reading.landing() / kept.file)
        return replace(kept, records=kept.found)

    def _records(self, kept: _Kept, records: Sequence[Any], hashes: Sequence[str]) -> _Kept:
        """Keep records, each on the line of its place; those that were read before leave theirs blank."""
        values = [_watched(record, self.source.incremental) for record in records]
        fresh = [self._is_new(value, known_by) for value, known_by in zip(values, hashes, strict=True)]
        lines = (compact(self._plain(record)) if new else "" for record, new in zip(records, fresh, strict=True))
        path = self.reading.landing() / kept.file
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with doing("write", path), partial.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            out.writelines(f"{line}\n" for line in lines)
        publish(partial, path)
        largest = _largest([value for value in values if value is not None])
        now = frozenset(hashes)
        repeated, self.before = len(now & self.before), now
        return replace(
            kept,
            records=sum(fresh),
            repeated=repeated,
            old=len(records) - sum(fresh),
            without=sum(value is None for value in values) if self.source.incremental else 0,
            largest=largest,
            seen=tuple(sorted({h for h, value in zip(hashes, values, strict=True) if value == largest} - {None})),
        )

    def _is_new(self, value: str | None, known_by: str) -> bool:
        last = self.since.get("value")
        if value is None or last is None or _after(value, last):
            return True
        return not _after(last, value) and known_by not in self.since["seen"]

    def _plain(self, record: Any) -> Any:
        return flat(record) if self.source.flatten and isinstance(record, dict) else record


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Objects in objects as one, their names joined by dots; one whose names are taken already stays as it is.

    >>> flat({"id": 1, "address": {"city": "Kiel", "geo": {"lat": 54}}, "tags": ["a"], "more": {}})
    {'id': 1, 'address.city': 'Kiel', 'address.geo.lat': 54, 'tags': ['a'], 'more': {}}
    """
    made: dict[str, Any] = {}
    for name, value in record.items():
        parts = {f"{name}.{inner}": item for inner, item in flat(value).items()} if isinstance(value, dict) else {}
        made |= parts if parts and not parts.keys() & {*record, *made} else {name: value}
    return made


def _line(line: str) -> Any:
    """A line of JSON, or itself when it is none: it goes to quarantine then."""
    try:
        return parse(line)
    except (ValueError, RecursionError):
        return line


def _watched(record: Any, given: NewRecords | None) -> str | None:
    value = value_at(record, given.field) if given and isinstance(record, dict) else None
    return None if value is None else str(value)


def _largest(values: Sequence[str]) -> str | None:
    largest = None
    for value in values:
        largest = value if largest is None or _after(value, largest) else largest
    return largest


def _hash(record: Any) -> str:
    return hashlib.sha256(compact(record).encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _after(value: str, other: str) -> bool:
    """Whether a value is larger: as a number or a moment if both are, else as text.

    >>> _after("10", "9"), _after("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z"), _after("b10", "b9")
    (True, True, False)
    """
    for read in (float, _moment):
        try:
            return bool(read(value) > read(other))
        except ValueError:
            continue
    return value > other


def _moment(text: str) -> float:
    at = dt.datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
