"""Connections to S3 and to what speaks its protocol, shared by the source and the destination.

Credentials come from the settings, written as `${NAME}`, or from the standard chain (environment, profile, role). A
server that is slow or busy is asked again `ATTEMPTS` times; what it refuses is told in words, without secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.probe import Probe
from blocks.variables import resolved
from tasks.quality.errors import GonogoError, SpecError, TryAgain, Unavailable, did_you_mean
from tasks.quality.secrets import MASK, mask

CONNECT_SECONDS = 10
ATTEMPTS = 4
WORKERS = 8
"""Requests at once."""

MOST_NAMED = 8

_SECRETS = ("access_key", "secret_key", "session_token")
_GONE = ("NoSuchKey", "NoSuchVersion", "404")
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class _Refusal(NamedTuple):
    kind: Literal["refused", "again"]
    what: str
    todo: str


_STRANGER = _Refusal("refused", "the server does not accept these keys", "check access_key and secret_key, or profile")
_EXPIRED = _Refusal("refused", "the credentials have expired", "renew them, e.g. log in again, then try again")
_FORBIDDEN = _Refusal("refused", "not allowed", "check the rights of these credentials, and the bucket's policy")
_ELSEWHERE = _Refusal("refused", "the bucket is in another region", "set 'region', or 'endpoint'")
_BUSY = _Refusal("again", "the server is too busy, or at fault", "try again later")
_FULL = _Refusal(
    "again", "the server has no space left, or none for us", "free some, or raise the quota, then try again"
)
_OTHER = _Refusal("refused", "the server refuses", "check the settings")
_SKEWED = _Refusal("refused", "this machine's clock and the server's differ too much", "set the clock, then try again")
_FROZEN = _Refusal("refused", "the object is in an archive class", "restore it from the archive, then try again")
_LACKING = _Refusal("refused", "the server does not know what was asked of it", "use one that speaks S3 wholly")

_BY_CODE = {
    "InvalidAccessKeyId": _STRANGER,
    "SignatureDoesNotMatch": _STRANGER,
    "InvalidToken": _STRANGER,
    "InvalidClientTokenId": _STRANGER,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "PermanentRedirect": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "301": _ELSEWHERE,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _SKEWED,
    "RequestTimeTooSkewed": _SKEWED,
    "AccessDenied": _FORBIDDEN,
    "AllAccessDisabled": _FORBIDDEN,
    "AccountProblem": _FORBIDDEN,
    "403": _FORBIDDEN,
    "InvalidObjectState": _FROZEN,
    "NotImplemented": _LACKING,
    "InsufficientStorage": _FULL,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "507": _FULL,
    "SlowDown": _BUSY,
    "RequestTimeout": _BUSY,
    "OperationAborted": _BUSY,
}
_SERVER_AT_FAULT = 500
_FOUND = {
    "explicit": "in the settings",
    "env": "in the environment",
    "shared-credentials-file": "in ~/.aws/credentials",
}
"""Where credentials are found, by botocore's word for it."""


@cache
def _descriptions() -> Any:
    """What reads botocore's descriptions of S3, each file once: every client begins with two megabytes of JSON."""
    from botocore.loaders import JSONFileLoader

    class Kept(JSONFileLoader):  # type: ignore[misc]
        load_file = cache(JSONFileLoader.load_file)

    return Kept()


class S3Connection(BaseModel):
    """A bucket and how to reach it; a part of the settings of the source and of the destination."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    SIDE: ClassVar[str] = "source"
    REFUSED: ClassVar[type[GonogoError]] = GonogoError
    """What is raised where a person has to do something about it."""

    bucket: str = Field(min_length=1)
    endpoint: str | None = Field(
        default=None, description="address of an S3-compatible server, e.g. 'https://minio.example.org'; by default AWS"
    )
    region: str | None = Field(default=None, description="by default that of the profile, or us-east-1")
    profile: str | None = Field(default=None, description="profile of ~/.aws to take credentials and region from")
    access_key: str | None = Field(
        default=None, description="as ${NAME} of an environment variable; by default the standard credential chain"
    )
    secret_key: str | None = Field(default=None, description="as ${NAME} of an environment variable")
    session_token: str | None = Field(default=None, description="as ${NAME}; for temporary credentials")
    requester_pays: bool = Field(default=False, description="the one who asks pays for transfer")
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto", description="bucket in the path, or in the host's name; most S3-compatible servers want 'path'"
    )
    verify_tls: bool = Field(
        default=True, description="whether the server's certificate must be sound; AWS_CA_BUNDLE names authorities"
    )

    patience_seconds: float = Field(
        default=60, gt=0, description="how long the server may say nothing before it is asked again"
    )

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if bool(self.access_key) != bool(self.secret_key) or (self.session_token and not self.access_key):
            raise ValueError("access_key and secret_key go together; session_token is beside them")
        if self.access_key and self.profile:
            raise ValueError("give a profile, or access_key and secret_key, not both")
        return self

    def address(self, key: str = "") -> str:
        """The bucket, or an object in it, as the user knows it."""
        return f"s3://{self.bucket}/{key}"

    @property
    def at(self) -> str:
        """The server in words; empty for AWS."""
        return f" at {mask(self.endpoint)}" if self.endpoint else ""

    @property
    def paid(self) -> dict[str, str]:
        """What every request says about who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}

    def client(self) -> Any:
        """A client of boto3; several threads may use it.

        Raises:
            SpecError: the profile, the endpoint or an environment variable is not there, or nothing says who asks.
        """
        from botocore.config import Config

        session = self._session()
        if session.get_credentials() is None:
            todo = "set access_key and secret_key as ${NAME}, or profile, or AWS_ACCESS_KEY_ID in the environment"
            raise SpecError("no credentials found", where=self.SIDE, todo=todo)
        checks = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self.patience_seconds,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=WORKERS,
            s3={"addressing_style": self.addressing},
            **(checks if self.endpoint else {}),  # servers other than AWS may not know the newer checksums
        )
        try:
            return session.client(
                "s3",
                endpoint_url=resolved(self.endpoint, f"{self.SIDE}.endpoint") if self.endpoint else None,
                region_name=self.region or session.region_name or "us-east-1",
                verify=None if self.verify_tls else False,
                config=config,
            )
        except ValueError as error:
            todo = "write e.g. https://minio.example.org or http://127.0.0.1:9000"
            raise SpecError("this is no address of a server", where=f"{self.SIDE}.endpoint", todo=todo) from error

    def _session(self) -> Any:
        import boto3
        import botocore.session
        from botocore.exceptions import ProfileNotFound
        from botocore.loaders import create_loader

        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        given = {
            name: resolved(value, f"{self.SIDE}.{setting}")
            for name, setting in zip(names, _SECRETS, strict=True)
            if (value := getattr(self, setting))
        }
        core = botocore.session.Session(profile=self.profile)
        try:
            loader = create_loader(core.get_config_variable("data_path"))
            loader.file_loader = _descriptions()
            core.register_component("data_loader", loader)
            return boto3.Session(botocore_session=core, **given)
        except ProfileNotFound as error:
            there = botocore.session.Session().available_profiles
            wanted = self.profile or "of AWS_PROFILE"
            todo = did_you_mean(wanted, there) or "run 'aws configure', or name another"
            raise SpecError(
                f"no profile '{wanted}'", where=f"{self.SIDE}.profile", available=there, todo=todo
            ) from error

    @contextmanager
    def told(self, where: str = "", client: Any = None) -> Iterator[None]:
        """Turn what the server refuses, and what keeps it away, into an error that says what to do.

        Args:
            where: what was asked for; by default the bucket.
            client: to look what buckets there are, if this one is not.

        Raises:
            Unavailable: it cannot be reached, or is no S3 server.
            TryAgain: it is too busy.
            GonogoError: what `REFUSED` is: it refuses.
            SpecError: the settings don't do.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        where = where or self.address()
        try:
            yield
        except ResponseParserError as error:
            raise self._no_server("its answer is no XML", where) from error
        except RecursionError as error:  # botocore goes after a redirection that tells no region, for ever
            raise self._no_server("it only points elsewhere", where) from error
        except ClientError as error:
            raise self._refused(error, where, client) from error
        except BotoCoreError as error:
            raise self._away(error, where) from error

    def hidden(self, text: object) -> str:
        """The first line of a text, without secrets."""
        line = str(text).strip().partition("\n")[0]
        for setting in _SECRETS:
            with suppress(SpecError):
                if secret := resolved(getattr(self, setting) or "", setting):
                    line = line.replace(secret, MASK)
        return mask(line)

    def _refused(self, error: Any, where: str, client: Any) -> GonogoError:
        code, status = code_of(error), int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        if code == "NoSuchBucket":
            return self._no_bucket(client)
        if code.isdecimal() and status < _SERVER_AT_FAULT and not str(error.operation_name).startswith("Head"):
            return self._no_server(f"it says {code} and no more", where)  # S3 says why in XML
        if code in _GONE:
            return Unavailable("there is no such object", where=where, todo="check the key, the bucket and 'endpoint'")
        refusal = _BY_CODE.get(code) or (_BUSY if status >= _SERVER_AT_FAULT else _OTHER)
        said = self.hidden(error.response.get("Error", {}).get("Message") or "").rstrip(".")
        what = f"{refusal.what}: {code}" + (f", {said}" if said else "")
        return (TryAgain if refusal.kind == "again" else self.REFUSED)(what, where=where, todo=refusal.todo)

    def _no_bucket(self, client: Any) -> GonogoError:
        from botocore.exceptions import BotoCoreError, ClientError

        there: list[str] = []
        if client is not None:
            with suppress(ClientError, BotoCoreError):
                there = [bucket["Name"] for bucket in client.list_buckets().get("Buckets", ())]
        todo = did_you_mean(self.bucket, there) or "check the name and 'endpoint', or make the bucket"
        return self.REFUSED(f"no bucket '{self.bucket}'{self.at}", available=there[:MOST_NAMED], todo=todo)

    def _no_server(self, why: object, where: str) -> GonogoError:
        what = f"what answers{self.at} is no S3 server: {self.hidden(why)}"
        return Unavailable(what, where=where, todo="check 'endpoint', and 'addressing'")

    def _away(self, error: Any, where: str) -> GonogoError:
        from botocore import exceptions as known

        if isinstance(error, (known.NoCredentialsError, known.PartialCredentialsError)):
            return SpecError(
                f"credentials are not whole; {self.hidden(error)}", where=where, todo="set them, or 'profile'"
            )
        expired = (known.SSOError, known.TokenRetrievalError, known.CredentialRetrievalError)
        if isinstance(error, expired):
            return self.REFUSED(f"{_EXPIRED.what}: {self.hidden(error)}", where=where, todo=_EXPIRED.todo)
        if isinstance(error, known.ParamValidationError):
            return SpecError(
                f"the settings don't do: {self.hidden(error.kwargs['report'])}", where=where, todo="check them"
            )
        if isinstance(error, known.SSLError):
            todo = "name its authority in AWS_CA_BUNDLE; or set 'verify_tls: false' where no one can listen in"
            return Unavailable(f"the certificate is not trusted: {self.hidden(error)}", where=where, todo=todo)
        todo = "check 'endpoint', 'region' and the network; a server that is only slow may answer later"
        return Unavailable(f"the server cannot be reached{self.at}: {self.hidden(error)}", where=where, todo=todo)

    def knock(self, client: Any) -> Iterator[Probe]:
        """Who we are, and whether the bucket is there: the first steps of every probe; raises as `told` does."""
        from botocore.exceptions import ClientError

        yield Probe("find credentials", True, _FOUND.get(found := self._session().get_credentials().method, found))
        with self.told(client=client):
            try:
                client.head_bucket(Bucket=self.bucket)
                said = "the bucket is there"
            except ClientError as error:
                code = code_of(error)
                if code == "404":
                    raise self._no_bucket(client) from error
                if code not in ("403", "400"):
                    raise
                said = "the server answers"  # to say more, it wants a request with a body to its answer
        yield Probe(f"reach {self.address()}{self.at}", True, said)


def code_of(error: Any) -> str:
    """The code of what a server refused, e.g. `NoSuchKey`; the HTTP status where it has nothing else."""
    return str(error.response.get("Error", {}).get("Code") or "")


def is_gone(error: Any) -> bool:
    """Whether an object is not there."""
    return code_of(error) in _GONE


def is_lost(error: Any) -> bool:
    """Whether an object is not what the request said it must be."""
    return code_of(error) in _LOST


def plain(etag: str) -> str:
    """An ETag without its quotes.

    >>> plain('"9b2cf535"')
    '9b2cf535'
    """
    return etag.removeprefix("W/").strip('"')
