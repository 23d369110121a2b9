"""From one page of an API to the next: declared, or found out from what most APIs do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urljoin

from pydantic import BaseModel, ConfigDict, Field

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_RELATIONS = re.compile(r"\brel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_ADDRESSES = ("next", "links.next", "links.next.href", "_links.next.href", "paging.next", "pagination.next",
              "meta.next", "@odata.nextLink", "next_url", "nextLink", "next_page_url")  # fmt: skip
_CURSORS = {
    "next_cursor": "cursor",
    "nextCursor": "cursor",
    "meta.next_cursor": "cursor",
    "pagination.next_cursor": "cursor",
    "response_metadata.next_cursor": "cursor",
    "nextPageToken": "pageToken",
    "next_page_token": "page_token",
}
"""Where a cursor stands → the parameter that takes it."""

_PAGES = (("page", "total_pages"), ("page", "pages"), ("current_page", "last_page"), ("meta.page", "meta.total_pages"),
          ("pagination.page", "pagination.pages"), ("meta.current_page", "meta.last_page"))  # fmt: skip
_TOTALS = ("total", "total_count", "totalCount", "meta.total", "meta.total_count", "pagination.total", "paging.total")
_OFFSETS = (("offset", "limit", "total"), ("meta.offset", "meta.limit", "meta.total"))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Auto(_Model):
    """Find out: a Link header, an address, a cursor, page numbers or an offset in the body."""

    kind: Literal["auto"] = "auto"


class NoPages(_Model):
    """One page is all."""

    kind: Literal["none"] = "none"


class ByPage(_Model):
    """Page numbers, until a page is empty or has fewer records than the first."""

    kind: Literal["page"] = "page"
    param: str = "page"
    first: int = 1
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1, description="records per page to ask for, with 'size_param'")


class ByOffset(_Model):
    """How many records to leave out, until a page is empty or has fewer records than the first."""

    kind: Literal["offset"] = "offset"
    param: str = "offset"
    limit_param: str = "limit"
    limit: int = Field(default=100, ge=1, description="records per page to ask for; the API may give fewer")


class ByCursor(_Model):
    """A cursor in the body that is sent with the next request, until there is none."""

    kind: Literal["cursor"] = "cursor"
    param: str = "cursor"
    path: str = Field(default="next_cursor", description="where it stands in the body, e.g. meta.next")


class ByLink(_Model):
    """The Link header (RFC 8288)."""

    kind: Literal["link"] = "link"


class ByAddress(_Model):
    """The next page's address in the body."""

    kind: Literal["next_url"] = "next_url"
    path: str = Field(default="next", description="where it stands in the body, e.g. links.next")


Paging: TypeAlias = Annotated[
    Auto | NoPages | ByPage | ByOffset | ByCursor | ByLink | ByAddress, Field(discriminator="kind")
]


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
        params: beside those of the settings; in the query, or in the body of a POST.
        whole: the API gave the address, which says everything.
    """

    url: str
    params: dict[str, Any] = field(default_factory=dict)
    whole: bool = False

    @property
    def key(self) -> str:
        """A hash that tells it from other requests."""
        return hashlib.sha256(json.dumps([self.url, self.params], sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Page:
    """What was answered.

    Attributes:
        body: the JSON object around the records, empty where there is none.
        link: the Link header.
        csv: the records are CSV, and not looked at here.
    """

    records: Sequence[Any]
    body: Mapping[str, Any]
    link: str
    csv: bool = False


def first_params(paging: Paging) -> dict[str, Any]:
    """What the first request says about pages."""
    if isinstance(paging, ByPage):
        return {paging.param: paging.first, **_sized(paging)}
    return {paging.param: 0, paging.limit_param: paging.limit} if isinstance(paging, ByOffset) else {}


def next_request(paging: Paging, request: Request, page: Page, full: int = 0) -> tuple[Request, str] | None:
    """The request for the next page and how it was found; None after the last one.

    `full` is how many records the first page has: an API may give fewer than it is asked for, but then always.
    """
    found: tuple[Request, str] | None = None
    match paging:
        case ByLink():
            found = _by_link(request, page)
        case ByAddress():
            found = _by_address(request, page, paging.path)
        case ByCursor():
            found = _by_cursor(request, page, paging.path, paging.param)
        case ByPage() if len(page.records) >= max(full, 1):
            found = _by_number(paging, request)
        case ByOffset() if len(page.records) >= max(full, 1):
            found = _by_offset(paging, request, page)
        case Auto():
            found = _found_out(request, page)
    return found


def _found_out(request: Request, page: Page) -> tuple[Request, str] | None:
    if by_link := _by_link(request, page):
        return by_link
    for path in _ADDRESSES:
        if isinstance(address := value_at(page.body, path), str) and ("/" in address or "?" in address):
            return _by_address(request, page, path)
    for path, param in _CURSORS.items():
        if value_at(page.body, path):
            return _by_cursor(request, page, path, param)
    for here, last in _PAGES:
        now, end = _whole(value_at(page.body, here)), _whole(value_at(page.body, last))
        if now is not None and end is not None:
            then = Request(request.url, {**request.params, "page": now + 1})
            return (then, f"page numbers ({here} of {last})") if now < end else None
    for names in _OFFSETS:
        start, limit, total = (_whole(value_at(page.body, name)) for name in names)
        if start is not None and limit and total is not None:
            then = Request(request.url, {**request.params, "offset": start + limit, "limit": limit})
            return (then, f"an offset ({names[0]})") if start + limit < total else None
    return None


def _by_link(request: Request, page: Page) -> tuple[Request, str] | None:
    address = next((address for address, told in _LINK.findall(page.link) if "next" in _relations(told)), None)
    return None if address is None else (Request(urljoin(request.url, address), whole=True), "the Link header")


def _relations(told: str) -> list[str]:
    """What a link is, by what is told of it: RFC 8288 allows several relations, and commas in titles.

    >>> _relations('; title="a, b"; rel="last Next"'), _relations("; rel=prev, ")
    (['last', 'next'], ['prev'])
    """
    found = _RELATIONS.search(told)
    return (found[1] or found[2] or "").casefold().split() if found else []


def _by_address(request: Request, page: Page, path: str) -> tuple[Request, str] | None:
    address = value_at(page.body, path)
    return (Request(urljoin(request.url, str(address)), whole=True), f"the address at '{path}'") if address else None


def _by_cursor(request: Request, page: Page, path: str, param: str) -> tuple[Request, str] | None:
    cursor = value_at(page.body, path)
    if cursor in (None, "", False):
        return None
    return Request(request.url, {**request.params, param: str(cursor)}), f"the cursor at '{path}'"


def _by_number(paging: ByPage, request: Request) -> tuple[Request, str]:
    now = _whole(request.params.get(paging.param))
    then = {**request.params, **_sized(paging), paging.param: (paging.first if now is None else now) + 1}
    return Request(request.url, then), "page numbers"


def _sized(paging: ByPage) -> dict[str, int]:
    return {paging.size_param: paging.size} if paging.size_param and paging.size else {}


def _by_offset(paging: ByOffset, request: Request, page: Page) -> tuple[Request, str]:
    start = _whole(request.params.get(paging.param)) or 0
    then = {**request.params, paging.limit_param: paging.limit, paging.param: start + len(page.records)}
    return Request(request.url, then), "an offset"


def total_of(body: Mapping[str, Any]) -> int | None:
    """How many records the API says there are in all; None where it does not say."""
    found = (_whole(value_at(body, path)) for path in _TOTALS)
    return next((total for total in found if total is not None), None)


def value_at(value: Any, path: str) -> Any:
    """What stands at a path such as `meta.next` in a JSON value, or None; a name may itself hold dots."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def list_path(value: Any) -> str | None:
    """The path of the only list of objects in a JSON value: "" for the value itself, None where it is not clear."""
    if isinstance(value, list):
        return ""
    found = list(_lists(value, ""))
    objects = [path for path, items in found if items and all(isinstance(item, Mapping) for item in items)]
    paths = objects or [path for path, _items in found]
    return paths[0] if len(paths) == 1 else None


def _lists(value: Any, start: str) -> list[tuple[str, list[Any]]]:
    if not isinstance(value, Mapping):
        return []
    found: list[tuple[str, list[Any]]] = []
    for name, item in value.items():
        found += [(f"{start}{name}", item)] if isinstance(item, list) else _lists(item, f"{start}{name}.")
    return found


def _whole(value: Any) -> int | None:
    try:
        return int(str(value)) if value is not None and not isinstance(value, bool) else None
    except ValueError:
        return None
