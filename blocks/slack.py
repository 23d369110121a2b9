"""A Slack app: a saved block with its tokens and channel, and the door through which messages and modals go.

Messages carry their key as metadata, files in their name, so that one whose sender was killed, or that met a broken
connection, is found before it is sent again: Slack itself takes the same message twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from blocks.probe import Probe
from tasks.quality.errors import PilotMustDecide, TryAgain, Unavailable
from tasks.quality.secrets import mask

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.web import WebClient

SIDE, KIND = "slack", "app"
SLUG = "gonogo-slack-app"
"""Block type of a Slack app; `notify: {to: [gonogo-slack-app/NAME]}` names one."""

EVENT = "gonogo_message"
SCOPES = ("chat:write", "files:write", "channels:history", "groups:history")
"""What the bot token has to be allowed; `deployments/slack-app.yaml` asks for it."""

TIMEOUT_SECONDS = 20
RATE_RETRIES = 3
_PAGES = 20
_EARLIER_SECONDS = 120
"""How much earlier than noted a message may have come, by Slack's clock."""

_PASSING = {
    "ratelimited",
    "rate_limited",
    "service_unavailable",
    "internal_error",
    "fatal_error",
    "request_timeout",
    "",
}
_MEANINGS = {
    "invalid_auth": ("Slack does not know this token", "copy it again from the app's pages at api.slack.com/apps"),
    "not_authed": ("Slack got no token", "copy it from the app's pages at api.slack.com/apps"),
    "token_revoked": ("the token was revoked", "install the app again, and copy the new one"),
    "token_expired": ("the token has expired", "install the app again, and copy the new one"),
    "account_inactive": ("the app was removed from the workspace", "install it again"),
    "not_allowed_token_type": ("that is another kind of token", "the bot's begins with xoxb-, the app's with xapp-"),
    "channel_not_found": ("the app sees no such channel", "invite it there (/invite @gonogo); name the channel's ID"),
    "not_in_channel": ("the app is not in the channel", "invite it there: /invite @gonogo"),
    "is_archived": ("the channel is archived", "name another in the saved block"),
    "missing_scope": ("the app is not allowed to", "paste deployments/slack-app.yaml into its manifest, install again"),
    "expired_trigger_id": ("more than three seconds passed", "press the button again"),
    "trigger_expired": ("more than three seconds passed", "press the button again"),
}


class SlackApp(BaseModel):
    """A Slack app of your own: messages in one thread per run; with an app token also buttons and forms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["app"] = "app"
    bot_token: str = Field(min_length=1, description="Begins with xoxb-: OAuth & Permissions, Bot User OAuth Token.")
    app_token: str | None = Field(
        default=None, description="Begins with xapp-: Basic Information, App-Level Tokens; without one, no buttons."
    )
    channel: str = Field(pattern=r"^[CGD][A-Z0-9]{2,}$", description="The channel's ID, at the end of its details.")
    base_url: str = Field(default="https://slack.com/api/", pattern=r"^https?://.*/$", description="Slack's API.")

    HIDDEN: ClassVar[tuple[str, ...]] = ("bot_token", "app_token")

    def probe(self) -> Iterator[Probe]:
        """Try what the app needs: who it is, its channel, and the way by which clicks come; nothing is posted."""
        slack = Slack(self)
        yield _probe("auth.test, as the bot", slack.who)
        yield _probe(f"conversations.history of {self.channel}", slack.see_channel)
        if self.app_token:
            yield _probe("apps.connections.open, for buttons", slack.try_socket)
        else:
            yield Probe("buttons", True, "none: no app token, so messages have links only")


class SlackRefusal(PilotMustDecide):
    """Slack will not do this, however often it is asked."""

    code = ""


class Slack:
    """What is done in Slack as one app.

    Every method raises `TryAgain` when Slack is away, breaks off or is busy, and `SlackRefusal` when it refuses.
    """

    def __init__(self, app: SlackApp) -> None:
        from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
        from slack_sdk.web import WebClient

        self.app = app
        # A broken connection is not tried again by the library: the message may have arrived.
        handlers = [RateLimitErrorRetryHandler(max_retry_count=RATE_RETRIES)]
        self._web: WebClient = WebClient(
            app.bot_token, base_url=app.base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[*handlers]
        )

    def who(self) -> str:
        """The bot's name and its workspace."""
        with _asking("auth.test"):
            told = self._web.auth_test()
        return f"it is {told['user']} in {told['team']}"

    def see_channel(self) -> str:
        """Whether the channel's messages can be read, which is needed to send none twice."""
        with _asking("conversations.history"):
            self._web.conversations_history(channel=self.app.channel, limit=1)
        return "it can be read"

    def try_socket(self) -> str:
        """Whether a connection for clicks can be had."""
        with _asking("apps.connections.open"):
            self._web.apps_connections_open(app_token=str(self.app.app_token))
        return "clicks would come"

    def post(
        self, key: str, text: str, blocks: Sequence[dict[str, Any]], *, thread: str = "", broadcast: bool = False
    ) -> str:
        """Post a message; its ts."""
        with _asking("chat.postMessage"):
            told = self._web.chat_postMessage(
                channel=self.app.channel,
                text=text,
                blocks=list(blocks),
                thread_ts=thread or None,
                reply_broadcast=broadcast if thread and broadcast else None,
                metadata={"event_type": EVENT, "event_payload": {"key": key}},
                unfurl_links=False,
                unfurl_media=False,
            )
        return str(told["ts"])

    def update(self, ts: str, key: str, text: str, blocks: Sequence[dict[str, Any]]) -> None:
        """Change a message."""
        with _asking("chat.update"):
            self._web.chat_update(
                channel=self.app.channel,
                ts=ts,
                text=text,
                blocks=list(blocks),
                metadata={"event_type": EVENT, "event_payload": {"key": key}},
            )

    def upload(self, name: str, title: str, picture: bytes, *, thread: str) -> str:
        """Share a picture in a thread; the file's id."""
        with _asking("files.completeUploadExternal"):
            told = self._web.files_upload_v2(
                filename=name, title=title, alt_txt=title, file=picture, channel=self.app.channel, thread_ts=thread
            )
        return str(told["files"][0]["id"])

    def find(self, key: str, since: float, *, thread: str = "", name: str = "") -> str:
        """The ts of a message that carries this key, or of a file with this name; empty when there is none."""
        place: dict[str, Any] = {"channel": self.app.channel, "include_all_metadata": True, "limit": 100}
        place |= {"ts": thread} if thread else {"oldest": f"{since - _EARLIER_SECONDS:.6f}"}
        cursor: str | None = None
        for _ in range(_PAGES):
            with _asking("conversations.replies" if thread else "conversations.history"):
                ask = self._web.conversations_replies if thread else self._web.conversations_history
                told = ask(**place, cursor=cursor)
            for message in told["messages"]:
                if name and any(file.get("name") == name for file in message.get("files", ())):
                    return str(message["ts"])
                if not name and message.get("metadata", {}).get("event_payload", {}).get("key") == key:
                    return str(message["ts"])
            cursor = (told.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return ""
        return ""

    def whisper(self, person: str, text: str, *, thread: str = "") -> None:
        """Tell something to one person only, in the channel or a thread."""
        with _asking("chat.postEphemeral"):
            self._web.chat_postEphemeral(channel=self.app.channel, user=person, text=text, thread_ts=thread or None)

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        """Open a modal for whoever has just clicked; Slack allows three seconds."""
        with _asking("views.open"):
            self._web.views_open(trigger_id=trigger, view=dict(view))

    def socket(self) -> SocketModeClient:
        """A client by which clicks come, not yet connected."""
        from slack_sdk.socket_mode import SocketModeClient

        return SocketModeClient(str(self.app.app_token), web_client=self._web)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Say in our words what goes wrong with Slack."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    from slack_sdk.errors import SlackApiError, SlackRequestError

    try:
        yield
    except SlackApiError as error:
        raise _refused(what, error) from error
    except HTTPError as error:
        raise TryAgain(f"Slack answers with status {error.code}", where=what, todo="try again later") from error
    except (OSError, HTTPException, SlackRequestError, ValueError) as error:
        raise Unavailable(f"Slack cannot be reached: {mask(str(error))}", where=what, todo="try again later") from error


def _refused(what: str, error: SlackApiError) -> TryAgain | SlackRefusal:
    told = error.response if isinstance(error.response, Mapping) else getattr(error.response, "data", None)
    told = told if isinstance(told, Mapping) else {}
    code = str(told.get("error") or "")
    if code in _PASSING or not code.replace("_", "").isalnum():
        why = code if code in _PASSING and code else "it gave no sensible answer"
        return TryAgain(f"Slack is away or busy: {why}", where=what, todo="try again later")
    meaning, todo = _MEANINGS.get(code, (f"Slack says {code}", "see the method's page at docs.slack.dev"))
    if code == "missing_scope" and told.get("needed"):
        meaning = f"{meaning}: it lacks {told['needed']}"
    refusal = SlackRefusal(meaning, where=what, todo=todo)
    refusal.code = code
    return refusal


def _probe(what: str, ask: Any) -> Probe:
    try:
        return Probe(what, True, ask())
    except (TryAgain, PilotMustDecide) as error:
        return Probe(what, False, error.message)


def app_named(name: str) -> SlackApp:
    """The app that was saved under a name.

    Raises:
        SpecError: there is none.
        Unavailable: the Prefect server is away.
    """
    from blocks.saved import loaded

    found: SlackApp = loaded(SIDE, name, {KIND: SlackApp}, {})
    return found


def saved_apps() -> tuple[str, ...]:
    """The names of the apps that are saved.

    Raises:
        Unavailable: the Prefect server is away.
    """
    import httpx
    from prefect.client.orchestration import get_client

    from blocks.saved import of_type

    try:
        with get_client(sync_client=True) as client:
            found = of_type(client, SLUG)
    except httpx.HTTPError as error:
        raise Unavailable(f"the Prefect server does not answer: {error}", todo="start it with 'gonogo up'") from error
    return tuple(sorted(str(document.name) for document in found))
