"""Where notifications go: Prefect notification blocks, which keep their addresses and tokens encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tasks.quality.errors import PilotMustDecide

BLOCK = "gonogo-notify"
"""Name of both blocks: the outbox (a custom webhook) and, when configured, the Slack webhook."""


@dataclass(frozen=True)
class Place:
    """A saved notification block: its document, and its kind, e.g. "slack-webhook"."""

    block: UUID
    kind: str


def outbox_block(url: str, token: str) -> Place:
    """Register the local outbox, which the page server keeps.

    Args:
        url: where the page server takes notifications.
        token: what it asks for before it takes one.
    """
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block = CustomWebhookNotificationBlock(
        name="gonogo",
        url=url,
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        headers={"authorization": "Bearer {{token}}"},
        secrets={"token": token},
    )
    return Place(UUID(str(block.save(BLOCK, overwrite=True))), "custom-webhook")


def slack_block(webhook: str | None) -> Place | None:
    """Register a Slack webhook; without one, the block of this name that somebody saved earlier, if any.

    Raises:
        PilotMustDecide: nothing can be sent to that address, which the message does not repeat.
    """
    from apprise import Apprise
    from prefect.blocks.notifications import SlackWebhook
    from pydantic import SecretStr

    if not webhook:
        return saved_slack_block(BLOCK)
    if Apprise.instantiate(webhook) is None:
        todo = "copy it again from Slack: https://hooks.slack.com/services/…"
        raise PilotMustDecide("that is not the address of a Slack webhook", where="--slack-webhook", todo=todo)
    return Place(UUID(str(SlackWebhook(url=SecretStr(webhook)).save(BLOCK, overwrite=True))), "slack-webhook")


def saved_slack_block(name: str) -> Place | None:
    """The Slack webhook that somebody saved under this name, e.g. in the Prefect UI."""
    return saved_block(f"slack-webhook/{name}")


def saved_block(named: str) -> Place | None:
    """The notification block that somebody saved, by its kind and name, e.g. `ms-teams-webhook/shop`.

    Raises:
        PilotMustDecide: blocks of that kind notify nobody.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    kind, _, name = named.partition("/")
    with get_client(sync_client=True) as client:
        try:
            document = client.read_block_document_by_name(name, kind, include_secrets=False)
        except ObjectNotFound:
            return None
    schema = document.block_schema
    if schema is None or "notify" not in schema.capabilities:
        todo = "take e.g. ms-teams-webhook, sendgrid-email, custom-webhook or slack-webhook"
        raise PilotMustDecide(f"a block of kind '{kind}' notifies nobody", where=f"notify: {named}", todo=todo)
    return Place(document.id, kind)
