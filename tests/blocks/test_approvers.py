"""Approvers' secrets stay sealed, their codes count once, and whoever guesses has to wait; also after a restart."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
from pyotp import parse_uri

from blocks.approvers import KEY_FILE, MOST_FAILURES, Approver, Approvers
from tasks.quality.errors import AnswerError, PilotMustDecide, TamperError

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Approvers(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / KEY_FILE) as opened:
        yield opened


def code(address, at=NOON):
    return parse_uri(address).at(at)


def test_an_enrolled_approver_is_found_by_name_and_its_code_is_taken(store):
    address = store.enrol(Approver("ann", "Ann Smith", ("finance",), "ann@x.org", "U1"))
    assert address.startswith("otpauth://totp/gonogo:ann?secret=")
    found = store.find("Ann")
    assert (found.full_name, found.roles, found.email) == ("Ann Smith", ("finance",), "ann@x.org")
    store.use("ann", code(address), "one", NOON)


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_clock_that_is_half_a_minute_off_does_no_harm(store, seconds):
    address = store.enrol(Approver("ann"))
    store.use("ann", code(address, NOON + timedelta(seconds=seconds)), "one", NOON)


def test_a_wrong_old_or_used_code_is_refused_with_the_reason(store):
    address = store.enrol(Approver("ann"))
    with pytest.raises(AnswerError, match="wrong or too old"):
        store.use("ann", "000000" if code(address) != "000000" else "000001", "one", NOON)
    with pytest.raises(AnswerError, match="wrong or too old"):
        store.use("ann", code(address, NOON - timedelta(minutes=2)), "one", NOON)
    store.use("ann", code(address), "one", NOON)
    with pytest.raises(AnswerError, match="used that code already"):
        store.use("ann", code(address), "two", NOON)
    with pytest.raises(AnswerError, match="used that code already"):
        store.use("ann", code(address, NOON - timedelta(seconds=30)), "two", NOON)
    store.use("ann", code(address), "one", NOON + timedelta(hours=1))  # the same submission, seen again after a kill


def test_one_code_that_is_handed_in_twice_at_once_counts_once(store, tmp_path):
    address = store.enrol(Approver("ann"))
    taken, refused, ready = [], [], threading.Barrier(4)

    def hand_in(purpose):
        with Approvers(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / KEY_FILE) as own:
            ready.wait()
            try:
                own.use("ann", code(address), purpose, NOON)
                taken.append(purpose)
            except AnswerError:
                refused.append(purpose)

    people = [threading.Thread(target=hand_in, args=(f"run-{n}",)) for n in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert (len(taken), len(refused)) == (1, 3)


def test_the_database_tells_no_secret_and_no_code_and_the_key_is_its_owners_only(store, tmp_path):
    address = store.enrol(Approver("ann", roles=("finance",)))
    store.use("ann", code(address), "one", NOON)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert parse_uri(address).secret.encode() not in stored
    assert code(address).encode() not in stored
    assert b"finance" not in stored
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_nobody_becomes_an_approver_by_writing_into_the_database(store, tmp_path):
    store.enrol(Approver("ann", roles=("finance",)))
    store.enrol(Approver("mallory"))
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute(
            "UPDATE gonogo_approvers SET sealed = (SELECT sealed FROM gonogo_approvers WHERE name = 'ann')"
        )
    with pytest.raises(TamperError, match="mallory is ann's"):
        store.find("mallory")
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE gonogo_approvers SET sealed = 'Zm9yZ2Vk'")
    with pytest.raises(TamperError, match="not sealed with this key"):
        store.find("ann")


def test_a_lost_key_is_said_and_a_key_can_be_given_by_the_environment(store, tmp_path, monkeypatch):
    store.enrol(Approver("ann"))
    key = (tmp_path / KEY_FILE).read_text().strip()
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(PilotMustDecide, match="key of the approvers is not there"):
        store.find("ann")
    monkeypatch.setenv("GONOGO_APPROVERS_KEY", key)
    assert store.find("ann").name == "ann"


def test_too_many_failed_attempts_wait_a_quarter_of_an_hour_also_after_a_restart(store, tmp_path):
    for minute in range(MOST_FAILURES):
        assert store.blocked_until("ann", NOON + timedelta(minutes=minute)) is None
        store.failed("Ann", NOON + timedelta(minutes=minute))
    with Approvers(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / KEY_FILE) as again:
        assert again.blocked_until("ann", NOON + timedelta(minutes=5)) == NOON + timedelta(minutes=15)
        assert again.blocked_until("bob", NOON + timedelta(minutes=5)) is None
        assert again.blocked_until("ann", NOON + timedelta(minutes=16)) is None


def test_who_is_enrolled_again_has_a_new_secret_and_who_is_removed_is_gone(store):
    old = store.enrol(Approver("ann"))
    new = store.enrol(store.named("ann"))
    with pytest.raises(AnswerError):
        store.use("ann", code(old), "one", NOON)
    store.use("ann", code(new), "one", NOON)
    store.remove("ann")
    assert store.all() == ()
    with pytest.raises(PilotMustDecide, match=r"no approver 'ann'.*gonogo approvers add ann"):
        store.remove("ann")


@pytest.mark.service
def test_postgresql_keeps_approvers_as_well(postgres_url, tmp_path):
    with Approvers(postgres_url, tmp_path / KEY_FILE) as store:
        address = store.enrol(Approver("ann"))
        store.use("ann", code(address), "one", NOON)
        store.failed("ann", NOON)
        assert [approver.name for approver in store.all()] == ["ann"]
        store.remove("ann")


def test_somebody_is_found_by_the_slack_id_that_nobody_else_can_have(store):
    address = store.enrol(Approver("ann", "Ann Smith", slack="U024BE7LH"))
    store.enrol(Approver("bob"))
    found = store.in_slack("U024BE7LH")
    assert (found.name, store.in_slack("U9"), store.in_slack("")) == ("ann", None, None)
    with pytest.raises(PilotMustDecide, match="Slack member U024BE7LH is ann already"):
        store.enrol(Approver("eve", slack="U024BE7LH"))
    with pytest.raises(PilotMustDecide, match="is ann already"):
        store.give_slack("bob", "U024BE7LH")
    assert store.find("eve") is None
    store.enrol(found)  # again, with a new secret
    address = store.enrol(found)
    store.give_slack("ann", "U2")
    assert (store.in_slack("U2").name, store.in_slack("U024BE7LH")) == ("ann", None)
    store.use("ann", code(address), "one", NOON)  # the authenticator is the same
    store.give_slack("bob", "U024BE7LH")
    assert store.in_slack("U024BE7LH").name == "bob"
