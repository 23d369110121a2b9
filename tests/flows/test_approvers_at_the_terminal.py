"""Approvers are enrolled at the terminal: by a QR code, or by the secret for those who cannot scan it."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pyotp
import pytest
import segno
from typer.testing import CliRunner

from flows.cli import app
from flows.home import Home

pytestmark = pytest.mark.usefixtures("home")


def enrolled(*words):
    done = CliRunner().invoke(app, ["approvers", *words])
    assert done.exit_code == 0, done.output
    return done.output, re.search(r"by hand: ([A-Z2-7 ]+)", done.output)[1].replace(" ", "")


def drawn(secret):
    """The code of the address that authenticator apps read."""
    address = pyotp.TOTP(secret).provisioning_uri(name="ann", issuer_name="gonogo")
    out = io.StringIO()
    segno.make(address, micro=False).terminal(out, compact=True)
    return out.getvalue()


def hand_in(secret, purpose):
    with Home.here().approvers() as approvers:
        approvers.use("ann", pyotp.TOTP(secret).now(), purpose, datetime.now(UTC))


def test_the_code_that_is_shown_enrols_an_approver_whose_codes_are_taken():
    shown, secret = enrolled("add", "ann", "--role", "finance", "--full-name", "Ann Smith")
    assert drawn(secret) in shown
    assert "Ann Smith" in shown
    hand_in(secret, "one")
    listed = CliRunner().invoke(app, ["approvers", "list"]).output
    assert "ann" in listed
    assert "finance" in listed
    assert secret not in listed


def test_who_is_enrolled_again_gets_another_code():
    _shown, old = enrolled("add", "ann")
    shown, new = enrolled("re-enrol", "ann")
    assert new != old
    assert drawn(new) in shown
    hand_in(new, "one")


def test_a_name_that_is_taken_is_said_with_what_to_do():
    enrolled("add", "ann")
    refused = CliRunner().invoke(app, ["approvers", "add", "ann"])
    assert "there is an approver ann already" in str(refused.exception)
