"""The chain: an entry that was changed, removed or put in is noticed, and named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.quality.ledger import GENESIS, broken, canonical, digest, link
from tasks.quality.secrets import mask, redact


def chain(length: int = 4):
    entries = []
    for n in range(length):
        previous = entries[-1] if entries else None
        entry = link(
            previous,
            run_id="r",
            key=f"k{n}",
            kind="stage",
            payload={"n": n},
            actor="ann",
            method="test",
            at=f"2026-01-0{n + 1}",
        )
        entries.append(entry)
    return entries


def test_an_untouched_chain_holds():
    entries = chain()
    assert entries[0].previous == GENESIS
    assert broken(entries) is None
    assert broken(entries, head=entries[2].hash) is None
    assert broken([]) is None


@pytest.mark.parametrize("field", ["payload", "actor", "method", "at", "key", "kind"])
def test_whatever_is_changed_is_noticed_and_named(field):
    entries = chain()
    other = {"payload": {"n": 99}, "kind": "answer"}.get(field, "other")
    entries[1] = replace(entries[1], **{field: other})
    fault = broken(entries)
    assert fault.seq == 2
    assert "changed after it was written" in fault.why


def test_a_removed_entry_is_noticed():
    entries = chain()
    assert broken([entries[0], *entries[2:]]).why == "entry 2 is missing"


def test_an_entry_written_anew_with_its_own_hash_is_noticed():
    entries = chain()
    forged = link(
        entries[0], run_id="r", key="k1", kind="stage", payload={"n": 99}, actor="eve", method="test", at="2026-01-02"
    )
    assert "hash of the entry before" in broken([entries[0], forged, *entries[2:]]).why


def test_a_cut_off_end_is_noticed_by_the_printed_head():
    entries = chain()
    assert broken(entries[:-1]) is None
    assert "printed head" in broken(entries[:-1], head=entries[-1].hash).why


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown ledger kind"):
        link(None, run_id="r", key="k", kind="gossip", payload={}, actor="", method="", at="")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json, max_size=4))
def test_the_same_payload_has_one_spelling(payload):
    shuffled = dict(reversed(payload.items()))
    assert canonical(payload) == canonical(shuffled)
    assert digest(payload) == digest(shuffled)


password = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@/:\"'<>?#%"), min_size=6
).map(lambda text: f"Zq9{text}")


@given(password)
def test_a_password_in_an_address_never_shows(secret):
    for text in (f"postgresql://ann:{secret}@db/x failed", f"at s3://key:{secret}@host:9000/bucket, trying again"):
        assert secret not in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://hooks.slack.com/services/T000/B000/s3cr3tXYZ",
        "Authorization: Bearer s3cr3tXYZ.abc",
        "password=s3cr3tXYZ&x=1",
        "host=db sslpassword=s3cr3tXYZ user=ann",
        '{"api_key": "s3cr3tXYZ"}',
        "token: s3cr3tXYZ",
    ],
)
def test_tokens_never_show(text):
    assert "s3cr3tXYZ" not in mask(text)
    assert mask(mask(text)) == mask(text)


def test_what_stands_under_a_telling_key_is_masked_however_deep():
    told = redact({"source": {"auth": [{"client_secret": "abc123"}]}, "rows": 3, "note": "a plain text"})
    assert told == {"source": {"auth": [{"client_secret": "***"}]}, "rows": 3, "note": "a plain text"}
