"""An API is read page after page, politely and once; what breaks, throttles or lies is gone around or said."""

import datetime as dt
import email.utils
import json

import httpx
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

from blocks.sources import ApiSource, Reading, web
from blocks.sources.api import flat
from blocks.sources.paging import Auto, ByLink, Page, Request, next_request
from blocks.staging import Staging
from tasks.quality.errors import NothingNew, SourceError, SpecError, TryAgain, Unavailable
from tests.services.api import CLIENT, PAGES, SECRET, Said, running_api

ORDERS = [
    {"id": str(n), "city": city, "changed": f"2026-01-0{n}"}
    for n, city in enumerate(("Bremen", "Kiel", "Jena", "Ulm", "Bonn"), start=1)
]
CITIES = [order["city"] for order in ORDERS]
BUSY = Said(503, body=b"busy")


@pytest.fixture(scope="module")
def server():
    with running_api() as made:
        yield made


@pytest.fixture
def api(server):
    server.records, server.size, server.elsewhere, server.lasts = list(ORDERS), 2, "", 3600
    server.allows = lambda _heard: True
    for kept in (server.heard, server.answers, server.tokens):
        kept.clear()
    return server


@pytest.fixture
def waited(monkeypatch):
    """A clock that stands still but for those who wait; gives how long they did."""
    seconds = []
    now = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC).timestamp()
    clock = web.Clock(lambda: now + sum(seconds), seconds.append, lambda: 1.0)
    monkeypatch.setattr(web, "CLOCK", clock)
    return seconds


def reading(folder, run="r1"):
    return Reading(Staging(str(folder / "staging")), run, "orders", folder)


def source(api, path="page", **more):
    return ApiSource.model_validate({"url": f"{api.url}/{path}", **more})


def read(api, folder, path="page", run="r1", **more):
    return source(api, path, **more).read(reading(folder, run))


def column(batch, name="city"):
    return pq.read_table(batch.snapshot.uri)[name].to_pylist()


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", PAGES)
def test_the_way_to_the_next_page_is_found(api, tmp_path, style):
    batch = read(api, tmp_path, style)
    assert column(batch) == CITIES
    assert [(o.name, o.first_row, o.rows) for o in batch.origins] == [
        ("page 1", 0, 2),
        ("page 2", 2, 2),
        ("page 3", 4, 1),
    ]
    assert batch.notes[0].startswith("3 pages; the next one was found by ")
    assert len(api.heard) == 3


@pytest.mark.parametrize(
    ("path", "paging"),
    [
        ("bare", {"kind": "page"}),
        ("page", {"kind": "page", "size_param": "size", "size": 2}),
        ("bare", {"kind": "offset", "limit": 50}),
        ("offset", {"kind": "offset", "limit": 2}),
        ("cursor", {"kind": "cursor", "path": "meta.next_cursor"}),
        ("link", {"kind": "link"}),
        ("next", {"kind": "next_url"}),
    ],
)
@pytest.mark.parametrize("count", [5, 4])
def test_the_way_can_be_declared_and_no_record_is_missed(api, tmp_path, path, paging, count):
    api.records = ORDERS[:count]
    assert column(read(api, tmp_path, path, paging=paging)) == CITIES[:count]


def test_with_post_the_parameters_of_pages_are_in_the_body(api, tmp_path):
    body = {"status": "shipped"}
    batch = read(
        api,
        tmp_path,
        "cursor",
        method="POST",
        body=body,
        params={"v": 2},
        paging={"kind": "cursor", "path": "meta.next_cursor"},
    )
    assert column(batch) == CITIES
    assert [heard.json for heard in api.heard] == [body, {**body, "cursor": "2"}, {**body, "cursor": "4"}]
    assert {tuple(heard.query.items()) for heard in api.heard} == {(("v", "2"),)}


def test_pages_of_csv_are_one_table(api, tmp_path):
    batch = read(api, tmp_path, "csv", paging={"kind": "page"})
    assert column(batch) == CITIES
    assert [origin.rows for origin in batch.origins] == [2, 2, 1]


def test_lines_of_json_are_records_and_a_broken_one_is_not(api, tmp_path):
    api.answers.append(Said(headers={"Content-Type": "application/x-ndjson"}, body=b'{"city": "Kiel"}\n{"city": \n'))
    batch = read(api, tmp_path)
    assert (column(batch), batch.quarantined) == (["Kiel"], 1)


def test_only_a_line_feed_ends_a_line_of_json(api, tmp_path):
    cities = ["two\u2028lines", "next\u0085line", "Ulm"]
    body = "\r\n".join(json.dumps({"city": city}, ensure_ascii=False) for city in cities)
    api.answers.append(Said(headers={"Content-Type": "application/x-ndjson"}, body=body.encode()))
    batch = read(api, tmp_path)
    assert (column(batch), batch.quarantined) == (cities, 0)


def test_a_row_knows_its_record_on_its_page_though_others_there_are_no_rows(api, tmp_path):
    body = b'{"city": "Kiel"}\n{"city": \n{"city": "Ulm"}\n'
    api.answers.append(Said(headers={"Content-Type": "application/x-ndjson"}, body=body))
    batch = read(api, tmp_path)
    found = pq.read_table(batch.places).to_pylist()
    assert [(row["_row"], row["origin"], row["place"]) for row in found] == [
        (0, "page 1", "record 1"),
        (1, "page 1", "record 3"),
    ]


def test_the_list_of_records_is_found_or_named_and_its_objects_are_flattened(api, tmp_path):
    answer = {"meta": {"tags": ["a"]}, "data": {"items": [{"n": 1.50, "a": {"b": {"c": True}}, "l": [1, {"x": None}]}]}}
    raw = json.dumps(answer).replace("1.5", "1.50").encode()
    for number, more in enumerate(({"records": "data.items"}, {})):
        api.answers.append(Said(body=raw))
        batch = read(api, tmp_path, run=f"r{number}", **more)
        assert pq.read_table(batch.snapshot.uri).to_pylist() == [
            {"_row": 0, "n": "1.50", "a.b.c": "true", "l": '[1,{"x":null}]'}
        ]
    api.answers.append(Said(body=raw))
    whole = read(api, tmp_path, run="whole", flatten=False, records="data.items")
    assert column(whole, "a") == ['{"b":{"c":true}}']
    api.answers.append(Said(body=raw))
    with pytest.raises(SourceError, match=r"no list of records at 'dta'.*available: meta, data; Did you mean 'data'"):
        read(api, tmp_path, run="typo", records="dta")


def test_nothing_is_lost_where_names_would_be_taken_twice():
    assert flat({"a.b": 1, "a": {"b": 2}}) == {"a.b": 1, "a": {"b": 2}}
    assert flat({"a": {"b.c": 1, "b": {"c": 2}}}) == {"a.b.c": 1, "a.b": {"c": 2}}


def test_a_link_header_without_a_next_page_does_not_hide_a_cursor():
    page = Page([{}], {"next_cursor": "x"}, '</a>; rel="first"')
    assert next_request(Auto(), Request("http://h/a"), page)[0].params == {"cursor": "x"}
    for told in ('title="x"; rel="next"', 'title="a, b"; rel=next', 'rel="last Next"', 'REL = "next"; type="a"'):
        links = f'</a?p=1>; rel="prev", </a?p=3>; {told}'
        assert next_request(ByLink(), Request("http://h/a"), Page([], {}, links))[0].url == "http://h/a?p=3"


# --- patience -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7.0),
        (email.utils.format_datetime(dt.datetime(2026, 1, 31, 12, 0, 9, tzinfo=dt.UTC), usegmt=True), 9.0),
        ("soon", 1.0),
        (None, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_waited_for_as_it_asks(api, tmp_path, waited, asked, seconds, status):
    api.answers.append(Said(status, {"Retry-After": asked} if asked else {}))
    assert column(read(api, tmp_path)) == CITIES
    assert waited == [seconds]


def test_waits_grow_and_end(api, tmp_path, waited):
    api.answers.extend([BUSY] * 4)
    with pytest.raises(TryAgain, match=r"the API answers 503: busy in .*; try again later; what was read is kept"):
        read(api, tmp_path, retries=3)
    assert waited == [1.0, 2.0, 4.0]


def test_one_who_waits_waits_not_as_long_as_another():
    waits = {web._patience(None, 2, web.CLOCK) for _ in range(20)}
    assert len(waits) > 10
    assert all(2 <= wait <= 4 for wait in waits)


def test_a_server_that_asks_for_too_long_a_wait_is_left_alone_and_the_page_is_where_it_goes_on(api, tmp_path, waited):
    def busy_at_page_2(heard):
        if heard.query.get("page") == "2" and not api.answers:
            api.answers.append(Said(429, {"Retry-After": "3600"}))
        return True

    api.allows = busy_at_page_2
    api.answers.append(Said(body=json.dumps({"data": ORDERS[:2], "page": 1, "total_pages": 3}).encode()))
    api.answers.append(Said(429, {"Retry-After": "3600"}))
    with pytest.raises(TryAgain, match=r"left alone until 2026-01-31 13:00:00 UTC.*what was read is kept"):
        read(api, tmp_path)
    api.allows = lambda _heard: True
    api.heard.clear()
    assert column(read(api, tmp_path)) == CITIES
    assert api.asked() == ["/page?page=2", "/page?page=3"]
    assert waited == []


def test_a_server_that_says_how_many_requests_are_left_is_not_asked_more(api, tmp_path, waited):
    body = json.dumps({"data": ORDERS[:2], "page": 1, "total_pages": 3}).encode()
    api.answers.append(Said(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}, body=body))
    assert column(read(api, tmp_path, pause_seconds=3)) == CITIES
    assert waited == [20.0, 3.0]


def test_an_answer_that_breaks_off_is_asked_for_again(api, tmp_path, waited):
    api.answers.append(Said(headers={"Content-Length": "900"}, body=b'{"data": [', cut=10))
    api.answers.append(Said(headers={"Content-Encoding": "gzip"}, body=b"no gzip"))
    assert column(read(api, tmp_path)) == CITIES
    assert waited == [1.0, 2.0]


def test_what_is_refused_is_not_asked_again_and_is_said_without_markup(api, tmp_path, waited):
    with pytest.raises(SourceError, match=r"the API answers 404: not here in http://.*; check the address"):
        read(api, tmp_path, "nowhere")
    assert (len(api.heard), waited) == (1, [])


# --- who asks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("TEST_API_SECRET", SECRET)
    return "${TEST_API_SECRET}"


KEYS = {
    "header": ({"kind": "key", "name": "X-Api-Key"}, lambda heard: heard.headers.get("x-api-key") == SECRET),
    "query": ({"kind": "key", "name": "k", "in": "query"}, lambda heard: heard.query.get("k") == SECRET),
    "basic": (
        {"kind": "basic", "user": "ann"},
        lambda heard: heard.headers.get("authorization") == httpx.BasicAuth("ann", SECRET)._auth_header,
    ),
    "bearer": ({"kind": "bearer"}, lambda heard: heard.headers.get("authorization") == f"Bearer {SECRET}"),
}


@pytest.mark.parametrize("how", KEYS)
@pytest.mark.parametrize("style", ["page", "next"])
def test_every_page_is_asked_for_by_one_who_may(api, tmp_path, secret, how, style):
    settings, api.allows = KEYS[how]
    name = {"header": "api_key", "query": "api_key", "basic": "password", "bearer": "token"}[how]
    batch = read(api, tmp_path, style, authentication={**settings, name: secret})
    assert column(batch) == CITIES
    kept = b"".join(path.read_bytes() for path in (tmp_path / "staging").rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    with pytest.raises(SourceError, match=r"the API answers 401: .*who are you.*check the authentication"):
        read(api, tmp_path, style, run="r2", authentication={**settings, name: "other"})


@pytest.mark.parametrize("send", ["header", "body"])
def test_a_token_is_granted_renewed_before_it_ends_and_once_when_it_is_refused(api, tmp_path, secret, waited, send):
    oauth = {"kind": "oauth2", "token_url": f"{api.url}/token", "client_id": CLIENT[0], "client_secret": secret}
    api.allows = lambda heard: heard.headers.get("authorization") == f"Bearer {api.tokens[-1]}"
    given = {"authentication": {**oauth, "send": send, "scope": "read"}}
    assert column(read(api, tmp_path, **given)) == CITIES
    assert len(api.tokens) == 1
    api.lasts = 100
    assert column(read(api, tmp_path, run="r2", pause_seconds=75, **given)) == CITIES
    assert len(api.tokens) == 1 + 3, "it ends after 100 seconds, and is renewed 30 before"
    api.lasts = None
    refused = iter([False])
    api.allows = lambda heard: next(refused, True)
    assert column(read(api, tmp_path, run="r3", **given)) == CITIES
    api.allows = lambda heard: False
    with pytest.raises(SourceError, match="the API answers 401"):
        read(api, tmp_path, run="r4", **given)


def test_a_token_that_is_not_granted_is_said(api, tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_API_SECRET", "wrong-Passw0rd")
    oauth = {"kind": "oauth2", "token_url": f"{api.url}/token", "client_id": "x", "client_secret": "${TEST_API_SECRET}"}
    with pytest.raises(SourceError, match=r"no token is granted: 401 Unauthorized in .*/token; check") as raised:
        read(api, tmp_path, authentication=oauth)
    assert "wrong-Passw0rd" not in raised.value.message
    with pytest.raises(SpecError, match="ABSENT is not set"):
        read(api, tmp_path, authentication={**oauth, "client_secret": "${ABSENT}"})


def test_a_server_that_says_our_secret_again_is_not_quoted(api, tmp_path, secret):
    api.answers.append(Said(400, body=f"your key {SECRET} is bad".encode()))
    with pytest.raises(SourceError, match=r"your key \*\*\* is bad") as raised:
        read(api, tmp_path, authentication={"kind": "bearer", "token": secret})
    assert SECRET not in raised.value.message
    api.answers.append(Said(200, body=f"<p>{SECRET}</p>".encode()))
    with pytest.raises(SourceError, match="no JSON") as raised:
        read(api, tmp_path, headers={"X-Own": secret})
    assert SECRET not in raised.value.message


# --- where it leads -----------------------------------------------------------------------------------------------


def test_a_redirection_on_the_same_host_is_followed(api, tmp_path, secret):
    api.allows = KEYS["bearer"][1]
    given = {"authentication": {"kind": "bearer", "token": secret}}
    assert column(read(api, tmp_path, "moved", **given))[:2] == CITIES[:2]
    posted = read(api, tmp_path, "moved", run="r2", method="POST", body={"a": 1}, **given)
    assert column(posted)[:2] == CITIES[:2]
    with pytest.raises(SourceError, match="more than 5 redirections"):
        read(api, tmp_path, "around", run="r3", **given)


def test_another_host_is_refused_unless_it_is_allowed_and_never_gets_a_secret(api, tmp_path, secret):
    with running_api() as other:
        other.records = ORDERS
        api.elsewhere = f"{other.url}/bare?page=1"
        given = {"authentication": {"kind": "bearer", "token": secret}, "headers": {"X-Own": secret}}
        with pytest.raises(
            SourceError, match=r"leads to another host: 127.0.0.1:\d+ in .*/away; if it is right, add it to 'hosts'"
        ):
            read(api, tmp_path, "away", **given)
        assert other.heard == []
        allowed = {"hosts": [f"127.0.0.1:{other.server_port}"], **given}
        assert column(read(api, tmp_path, "away", **allowed)) == CITIES[:2]
        assert api.heard[-1].headers["authorization"] == f"Bearer {SECRET}"
        assert SECRET not in repr(other.heard)
        api.answers.append(Said(body=json.dumps({"results": ORDERS[:2], "next": f"{other.url}/bare?page=2"}).encode()))
        with pytest.raises(SourceError, match="leads to another host"):
            read(api, tmp_path, run="r2", **given)


def test_a_server_is_believed_only_with_a_certificate_that_is_trusted(tmp_path):
    certificate, key = _certificate(tmp_path)
    with running_api((certificate, key)) as api:
        api.records = ORDERS[:2]
        with pytest.raises(Unavailable, match=r"the API cannot be reached: .*certificate verify failed"):
            read(api, tmp_path, retries=0)
        assert column(read(api, tmp_path, ca_file=str(certificate))) == CITIES[:2]
        api.answers.append(Said(302, {"Location": api.url.replace("https", "http")}))
        with pytest.raises(SourceError, match="an address without encryption"):
            read(api, tmp_path, run="r2", ca_file=str(certificate))
    with pytest.raises(SpecError, match="no certificates can be read"):
        read(api, tmp_path, run="r3", ca_file=str(tmp_path / "absent.pem"))


def _certificate(folder):
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gonogo test")])
    own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    now = dt.datetime.now(dt.UTC)
    made = made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=1))
    signed = made.add_extension(own, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "cert.pem", folder / "key.pem"


# --- lies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "more", "said"),
    [
        ("lies/html", {}, r"the answer is no JSON \(application/json\): '<html>.*Please log in"),
        ("lies/total", {}, r"says that there are 1,000 records, and gives 2.*declare 'paging'"),
        ("lies/endless", {"most_pages": 20}, r"more than 20 pages.*raise 'most_pages'"),
        ("lies/twice", {}, r"page 2 is the same as the one before it.*declare 'paging'"),
        ("lies/back", {}, r"page 3 leads back to an earlier one"),
        ("lies/huge", {"most_bytes": 50_000}, r"an answer has more than 50,000 bytes.*raise 'most_bytes'"),
        ("bare", {"paging": {"kind": "page", "param": "p"}}, "page 2 is the same as the one before it"),
    ],
)
def test_an_api_that_lies_is_found_out(api, tmp_path, path, more, said):
    with pytest.raises(SourceError, match=said):
        read(api, tmp_path, path, **more)
    assert not list((tmp_path / "staging" / "r1").glob("*.parquet"))


def test_json_under_a_wrong_type_is_read_and_a_wrong_total_is_noted(api, tmp_path):
    assert column(read(api, tmp_path, "lies/type")) == CITIES[:2]
    batch = read(api, tmp_path, "lies/total", run="r2", paging={"kind": "none"})
    assert batch.notes == ("the API said that there are 1,000 records, and gave 2",)


def test_a_record_that_stands_on_two_pages_is_noted(api, tmp_path):
    for number, part in enumerate((ORDERS[:2], ORDERS[1:3]), start=1):
        api.answers.append(Said(body=json.dumps({"data": part, "page": number, "total_pages": 2}).encode()))
    batch = read(api, tmp_path)
    assert batch.snapshot.rows == 4
    assert "1 record stands on two pages: the data moved while it was read" in batch.notes


def test_no_record_at_all_is_said(api, tmp_path):
    api.records = []
    with pytest.raises(SourceError, match=r"the API gave no record in .*check 'params' and 'records'"):
        read(api, tmp_path)


# --- only what is new ---------------------------------------------------------------------------------------------


def test_only_what_is_new_is_asked_for_and_equal_values_lose_nothing(api, tmp_path):
    made = source(api, incremental={"field": "changed", "param": "since", "first": "2026-01-02"})

    def run(name):
        batch = made.read(reading(tmp_path, name))
        made.acknowledge(batch, reading(tmp_path, name))
        return batch

    assert column(run("r1")) == CITIES[1:]
    with pytest.raises(NothingNew, match="no record that was not read before"):
        run("r2")
    api.records += [{**ORDERS[4], "city": "Hof"}, {"id": "7", "city": "Ulm", "changed": "2026-01-06"}, {"id": "8"}]
    api.heard.clear()
    api.records[-1]["changed"] = "2026-01-05"
    batch = run("r3")
    assert column(batch, "id") == ["5", "7", "8"]
    assert column(batch)[0] == "Hof", "changed without a newer date, and not the record that was read"
    assert {heard.query["since"] for heard in api.heard} == {"2026-01-05"}
    assert batch.position["value"] == "2026-01-06"


def test_an_api_that_does_not_heed_the_parameter_gives_nothing_twice(api, tmp_path):
    made = source(api, incremental={"field": "id", "param": "ignored"})
    first = made.read(reading(tmp_path))
    made.acknowledge(first, reading(tmp_path))
    api.records.append({"id": "10", "city": "Hof"})
    batch = made.read(reading(tmp_path, "r2"))
    assert column(batch, "id") == ["10"]
    assert "5 records were read before, and left out" in batch.notes


def test_a_record_without_the_field_is_noted(api, tmp_path):
    api.records = [*ORDERS, {"city": "Hof"}]
    batch = read(api, tmp_path, incremental={"field": "changed", "param": "ignored"})
    assert "1 record has no 'changed': every read has them" in batch.notes


# --- settings and connections -------------------------------------------------------------------------------------


def test_a_probe_asks_for_one_page_and_says_what_it_holds(api, tmp_path):
    steps = list(source(api, "next").probe(tmp_path))
    assert [step.ok for step in steps] == [True, True]
    assert steps[0].said.endswith("bytes of application/json")
    assert steps[1].said == "2 records; the next page is found by the address at 'next'"
    assert len(api.heard) == 1
    *_, last = source(api, "lies/html").probe(tmp_path)
    assert (last.ok, "no JSON" in last.said) == (False, True)


def test_words_and_the_identity_hold_no_secret():
    made = ApiSource.model_validate(yaml.safe_load(ApiSource.EXAMPLE))
    other = made.model_copy(update={"url": f"https://ann:{SECRET}@h/x?api_key={SECRET}"})
    assert SECRET not in other.describe() + other.identity()


def test_what_a_saved_block_hides_comes_back_as_text(api):
    text = json.dumps({"kind": "bearer", "token": "t"})
    assert source(api, authentication=text, headers="{X-A: b}") == source(
        api, authentication=json.loads(text), headers={"X-A": "b"}
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "ftp://h/x"}, "should match pattern"),
        ({"body": {}}, "a 'body' is sent with 'method: POST'"),
        ({"format": "csv", "incremental": {"field": "a", "param": "b"}}, "looks into JSON records"),
        ({"format": "parquet"}, "for files at an address use 'kind: file'"),
        ({"authentication": {"kind": "oauth"}}, "does not match any of the expected tags"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        ApiSource.model_validate({"url": "https://h/x", **given})
