"""Asking over HTTP with patience: authentication, limits, retries; secrets go to the host that they are for, only.

What may pass is tried again, with a wait that grows and is never the same for all who wait, or as long as the server
asks for. A redirection to another host is followed only when that host is allowed, and without secrets.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from blocks.staging import doing
from blocks.variables import resolved
from tasks.quality.errors import GonogoError, SourceError, SpecError, TryAgain, Unavailable
from tasks.quality.secrets import MASK, is_secret, mask

if TYPE_CHECKING:
    import httpx

AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""

MOST_REDIRECTS = 5
LONGEST_WAIT_SECONDS = 120
"""A server that asks for more patience is left alone, and the run says until when."""

LONGEST_BACKOFF_SECONDS = 30
SHOWN_CHARACTERS = 200

_UNAUTHORIZED, _REDIRECTS = 401, (301, 302, 303, 307, 308)
_TOKEN_SECONDS, _EARLY_SECONDS = 300, 30
_MOMENT = 10**9
"""A larger number of seconds is a moment since 1970, a smaller one a span."""

_TODO = {
    401: "check the authentication",
    403: "check what this user may read",
    404: "check the address",
    410: "check the address",
}


@dataclass(frozen=True)
class Clock:
    """Time, and waiting; tests hand in their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


CLOCK = Clock()


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Key(_Model):
    """A key in a header or a query parameter."""

    kind: Literal["key"] = "key"
    name: str = Field(description="of the header or parameter, e.g. X-Api-Key")
    api_key: str = Field(description="written as ${NAME} of an environment variable")
    place: Literal["header", "query"] = Field(default="header", alias="in")


class Basic(_Model):
    """A user and a password."""

    kind: Literal["basic"] = "basic"
    user: str
    password: str


class Bearer(_Model):
    """A token."""

    kind: Literal["bearer"] = "bearer"
    token: str


class OAuth2(_Model):
    """OAuth 2 client credentials: a token is asked for, renewed before it ends, and once when it is refused."""

    kind: Literal["oauth2"] = "oauth2"
    token_url: str = Field(pattern=r"^https?://")
    client_id: str
    client_secret: str
    scope: str | None = None
    audience: str | None = None
    send: Literal["header", "body"] = Field(default="header", description="where id and secret go")


Authentication: TypeAlias = Annotated[Key | Basic | Bearer | OAuth2, Field(discriminator="kind")]


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        url: whole, but for what authenticates it.
        body: sent as JSON, with POST; without one it is a GET.
    """

    url: str
    body: Any = None
    post: bool = False


@dataclass(frozen=True)
class Answer:
    """What was answered; the body is in the file that was named.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    size: int

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Manners:
    """How a server is asked.

    Attributes:
        url: whose host secrets are for.
        hosts: others that may be asked, without secrets.
        headers: of every request to the host of `url`.
    """

    url: str
    authentication: Key | Basic | Bearer | OAuth2 | None
    headers: Mapping[str, str]
    hosts: tuple[str, ...]
    most_bytes: int
    retries: int
    timeout_seconds: float
    pause_seconds: float
    ca_file: str | None


@contextmanager
def session(manners: Manners) -> Iterator[Session]:
    """A session, closed afterwards.

    Raises:
        SpecError: the file of certificates cannot be read.
    """
    import ssl

    import httpx

    verify: Any = True
    if manners.ca_file:
        try:
            verify = ssl.create_default_context(cafile=str(Path(resolved(manners.ca_file, "ca_file")).expanduser()))
        except OSError as error:
            raise SpecError(f"no certificates can be read: {error}", where="source.ca_file") from error
    with httpx.Client(timeout=manners.timeout_seconds, verify=verify, follow_redirects=False) as client:
        yield Session(manners, client, CLOCK)


@dataclass
class Session:
    """Asks one server."""

    manners: Manners
    client: httpx.Client
    clock: Clock
    _token: str = ""
    _until: float = 0.0
    _free_at: float = 0.0
    _secrets: set[str] = field(default_factory=set)

    def ask(self, asked: Asked, path: Path) -> Answer:
        """Ask until there is an answer, and keep its body in a file.

        Raises:
            SourceError: the server refuses, answers with too much, or leads elsewhere.
            Unavailable: it cannot be reached.
            TryAgain: it is too busy, or wants to be left alone for longer than we wait.
        """
        self._wait(self._free_at - self.clock.now(), asked.url)
        renewed = False

        def once() -> Answer | GonogoError:
            nonlocal renewed
            answer = self._followed(asked, path)
            if answer.status == _UNAUTHORIZED and isinstance(self.manners.authentication, OAuth2) and not renewed:
                renewed, self._until = True, 0.0
                answer = self._followed(asked, path)
            return answer if answer.status < 300 else self._refusal(answer, path, asked.url)  # noqa: PLR2004

        answer: Answer = self._patiently(once, asked.url)
        self._free_at = self.clock.now() + max(self.manners.pause_seconds, _rest(answer.headers, self.clock.now()))
        return answer

    def check(self, url: str) -> str:
        """The address, if it may be asked, without the key that the server may have put into it.

        Raises:
            SourceError: it is of another host, or would be asked without encryption.
        """
        import httpx

        own, other = urlsplit(self.manners.url), urlsplit(url)
        if other.scheme not in ("http", "https") or (own.scheme, other.scheme) == ("https", "http"):
            what = f"the API leads to an address without encryption: {self.hidden(url)}"
            raise SourceError(what, where=self.hidden(self.manners.url), todo="tell the API's owner")
        host = f"{other.hostname}:{other.port}" if other.port else str(other.hostname)
        if not self._is_own(url) and not {host, other.hostname} & set(self.manners.hosts):
            what, todo = f"the API leads to another host: {host}", "if it is right, add it to 'hosts'"
            raise SourceError(what, where=self.hidden(self.manners.url), todo=todo)
        given = self.manners.authentication
        if isinstance(given, Key) and given.place == "query":
            return str(httpx.URL(url).copy_remove_param(given.name))
        return url

    def hidden(self, text: str) -> str:
        """The text without any secret of ours."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return mask(text)

    def _is_own(self, url: str) -> bool:
        return _origin(url) in (_origin(self.manners.url), _origin(self.manners.url.replace("http://", "https://", 1)))

    # --- one attempt ----------------------------------------------------------------------------------------------

    def _followed(self, asked: Asked, path: Path) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._once(asked, path)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            if asked.post and answer.status not in (307, 308):
                what = f"the API redirects a POST ({answer.status}), which would lose its body"
                raise SourceError(what, where=self.hidden(asked.url), todo="name the address that it leads to")
            asked = Asked(self.check(urljoin(asked.url, answer.headers["location"])), asked.body, asked.post)
        todo = "check the address"
        raise SourceError(f"more than {MOST_REDIRECTS} redirections", where=self.hidden(asked.url), todo=todo)

    def _once(self, asked: Asked, path: Path) -> Answer:
        import httpx

        url, headers, auth = httpx.URL(asked.url), dict[str, str](), None
        if self._is_own(asked.url):
            headers |= {name: self._secret(value, name) for name, value in self.manners.headers.items()}
            more, parameters, auth = self._credentials()
            headers, url = headers | more, url.copy_merge_params(parameters)
        content = {"json": asked.body} if asked.post else {}
        method = "POST" if asked.post else "GET"
        with self.client.stream(method, url, headers=headers, auth=auth, **content) as answer:
            size = self._save(answer, path, asked.url)
        return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, size)

    def _save(self, answer: httpx.Response, path: Path, url: str) -> int:
        size = 0
        with doing("write", path), path.open("wb") as file:
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > self.manners.most_bytes:
                    what = f"an answer has more than {self.manners.most_bytes:,} bytes"
                    todo = "ask for smaller pages, or raise 'most_bytes'"
                    raise SourceError(what, where=self.hidden(url), todo=todo)
                file.write(chunk)
        return size

    def _credentials(self) -> tuple[dict[str, str], dict[str, str], Any]:
        """Headers, parameters and a user with a password, as the authentication wants them."""
        given = self.manners.authentication
        if isinstance(given, Key):
            key = {given.name: self._secret(given.api_key)}
            return (key, {}, None) if given.place == "header" else ({}, key, None)
        if isinstance(given, Basic):
            return {}, {}, (resolved(given.user, "source.authentication"), self._secret(given.password))
        if isinstance(given, Bearer):
            return {"Authorization": f"Bearer {self._secret(given.token)}"}, {}, None
        if isinstance(given, OAuth2):
            return {"Authorization": f"Bearer {self._granted(given)}"}, {}, None
        return {}, {}, None

    def _secret(self, value: str, name: str = "secret") -> str:
        """What is meant by a setting; it is never shown from now on, if it is a secret."""
        meant = resolved(value, "source.authentication")
        if meant and (is_secret(name) or meant != value):
            self._secrets.add(meant)
        return meant

    def _granted(self, given: OAuth2) -> str:
        if self.clock.now() < self._until:
            return self._token
        names = {"scope": given.scope, "audience": given.audience}
        wanted = {"grant_type": "client_credentials", **{name: value for name, value in names.items() if value}}
        who = (resolved(given.client_id, "source.authentication"), self._secret(given.client_secret))
        if given.send == "body":
            wanted |= {"client_id": who[0], "client_secret": who[1]}

        def once() -> httpx.Response | GonogoError:
            own: dict[str, Any] = {"auth": who} if given.send == "header" else {}
            answer = self.client.post(given.token_url, data=wanted, **own)
            said = f"{answer.status_code} {answer.reason_phrase}"
            if answer.status_code in AGAIN:
                return _Busy(f"no token is granted: {said}", answer.headers)
            return answer

        answer = self._patiently(once, given.token_url)
        try:
            told = answer.json() if answer.is_success else {}
            self._token = str(told["access_token"])
            lasts = float(told.get("expires_in") or _TOKEN_SECONDS)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"no token is granted: {answer.status_code} {answer.reason_phrase}",
                where=self.hidden(given.token_url),
                todo="check 'token_url', 'client_id', 'client_secret' and 'scope'",
            ) from error
        self._secrets.add(self._token)
        self._until = self.clock.now() + max(lasts - _EARLY_SECONDS, lasts / 2)
        return self._token

    # --- patience -------------------------------------------------------------------------------------------------

    def _patiently(self, once: Callable[[], Any], url: str) -> Any:
        """What `once` gives, when it is no error that may pass."""
        import httpx

        attempt = 0
        while True:
            try:
                found = once()
            except httpx.UnsupportedProtocol as error:
                raise SpecError(f"this is no address: {self.hidden(url)}", where="source.url") from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                why = self.hidden(str(error)) or type(error).__name__
                todo = "check the address and the network, or try again later"
                found = Unavailable(f"the API cannot be reached: {why}", where=self.hidden(url), todo=todo)
                found.__cause__ = error
            if not isinstance(found, GonogoError):
                return found
            if attempt == self.manners.retries or not isinstance(found, TryAgain):
                raise found
            asked = found.headers.get("retry-after") if isinstance(found, _Busy) else None
            self._wait(_patience(asked, attempt, self.clock), url)
            attempt += 1

    def _wait(self, seconds: float, url: str) -> None:
        if seconds > LONGEST_WAIT_SECONDS:
            until = dt.datetime.fromtimestamp(self.clock.now() + seconds, dt.UTC)
            what = f"the API wants to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC"
            raise TryAgain(what, where=self.hidden(url), todo="go on then: what was read is kept")
        if seconds > 0:
            self.clock.sleep(seconds)

    def _refusal(self, answer: Answer, path: Path, url: str) -> GonogoError:
        start = self.hidden(path.read_bytes()[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace"))
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", start)).strip()[:SHOWN_CHARACTERS]
        what = f"the API answers {answer.status}" + (f": {said}" if said else "")
        if answer.status in AGAIN:
            return _Busy(what, answer.headers, self.hidden(url))
        return SourceError(what, where=self.hidden(url), todo=_TODO.get(answer.status, "check the settings"))


class _Busy(TryAgain):
    """The server may answer later."""

    def __init__(self, what: str, headers: Mapping[str, str], where: str = "") -> None:
        super().__init__(what, where=where, todo="try again later; what was read is kept")
        self.headers = headers


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _patience(asked: str | None, attempt: int, clock: Clock) -> float:
    """Seconds to wait before the next attempt: what the server asks for, or longer each time."""
    if asked:
        with suppress(ValueError):
            return max(float(asked), 0.0)
        with suppress(ValueError):
            return max(email.utils.parsedate_to_datetime(asked).timestamp() - clock.now(), 0.0)
    return min(2.0**attempt, LONGEST_BACKOFF_SECONDS) * (0.5 + clock.jitter() / 2)


def _rest(headers: Mapping[str, str], now: float) -> float:
    """Seconds until a server that says how many requests are left takes another one."""
    for start in ("x-ratelimit", "ratelimit", "x-rate-limit"):
        with suppress(ValueError):
            if float(headers.get(f"{start}-remaining", "1")) <= 0 and (reset := headers.get(f"{start}-reset")):
                seconds = float(reset)
                return max(seconds - now if seconds > _MOMENT else seconds, 0.0)
    return 0.0
