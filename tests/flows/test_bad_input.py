"""Odd files go all the way through, or the run says clearly why not; nothing is executed and nothing breaks a page."""

from __future__ import annotations

import gzip
import sqlite3

import httpx
import pytest

HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "'; DROP TABLE orders; --",
    "=cmd|' /C calc'!A0",
    "| a | b |\n|---|---|",
    "🎈 ünïcode \u202e reversed",
    "{{ 7 * 7 }} ${HOME}",
]


def csv_of(header, rows):
    quoted = (['"' + str(cell).replace('"', '""') + '"' for cell in row] for row in [header, *rows])
    return "\n".join(",".join(row) for row in quoted) + "\n"


WORKS = {
    "header only": "id,name\n",
    "one column": "name\nann\nbob\n",
    "one row": "id,name\n1,ann\n",
    "a column named _row": "_row,name\n5,ann\n6,bob\n",
    "a column named order by": "order by,group\n1,a\n2,b\n",
    "names that differ only in case": "Id,id,ID\n1,2,3\n4,5,6\n",
    "no names at all": ",,\na,b,c\n",
    "hostile cells": csv_of(["id", *HOSTILE[:2]], [[n, *HOSTILE[n : n + 2]] for n in range(6)]),
    "broken lines": "id,name\n1,ann\n2\n3,cid,extra\n4,dan\n",
    "nothing but nulls": "a,b\n,\n,\n",
}


@pytest.mark.parametrize("what", WORKS)
def test_it_works(pilot, tmp_path, what):
    path = tmp_path / "odd.csv"
    path.write_text(WORKS[what], encoding="utf-8")
    pilot.start(pilot.pipeline(path))
    assert pilot.to_the_end() == "Completed"
    run = pilot.record()
    assert len(pilot.loaded()) == run.snapshots()[-1].rows
    for page in ("quality-1.html", "insight.html", "receipt.html", "profile-1.html"):
        assert run.page_file(page).exists()
    assert "<script>alert(1)" not in run.page_file("quality-1.html").read_text("utf-8")


def test_values_of_a_megabyte_are_looked_at_in_short_and_loaded_whole(pilot, tmp_path):
    path = tmp_path / "long.csv"
    texts = [f"{'long ' * 200_000}{n % 3}" if n % 10 == 0 else f"name {n % 4}" for n in range(60)]
    path.write_text("id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)))
    pilot.start(pilot.pipeline(path))
    assert pilot.to_the_end() == "Completed"
    profile = pilot.record().page_file("profile-1.html").read_text("utf-8")
    assert "only the first 1,000 characters of values in text" in profile
    assert "… (1000001 characters)" in profile
    assert "long " * 201 not in profile
    assert [text for _id, text in pilot.loaded()] == texts


def test_latin_1_is_read_as_what_it_is(pilot, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_bytes("id,city\n1,Köln\n2,Düsseldorf\n3,Nürnberg\n".encode("latin-1"))
    pilot.start(pilot.pipeline(path))
    assert pilot.to_the_end() == "Completed"
    assert sorted(row[1] for row in pilot.loaded()) == ["Düsseldorf", "Köln", "Nürnberg"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("odd.csv", b"", "empty"),
        ("odd.csv.gz", b"", "empty"),
        ("odd.csv.gz", gzip.compress(b"", mtime=0), "nothing is in the compressed file"),
        ("odd.csv.gz", gzip.compress(b"id,name\n1,ann\n" * 500, mtime=0)[:-20], "damaged gz file"),
        ("odd.json", b'{"a": [1', "is not JSON"),
        ("odd.parquet", b"not parquet", "is not Parquet"),
        ("odd.xlsx", b"not a spreadsheet", "is not a spreadsheet"),
        ("odd.xyz", b"what is this", "cannot tell the format"),
    ],
)
def test_it_says_why_not(pilot, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    pilot.start(pilot.pipeline(path))
    assert pilot.go() == "Failed"
    said = pilot.run.state.message
    assert message in said
    assert name in said
    assert pilot.entries("commit") == []


def test_a_file_that_is_not_there_says_what_is(pilot, tmp_path):
    (tmp_path / "orders.csv").write_text("id\n1\n")
    pilot.start(pilot.pipeline(tmp_path / "ordes.csv"))
    assert pilot.go() == "Failed"
    assert "no file 'ordes.csv'" in pilot.run.state.message
    assert "Did you mean 'orders.csv'" in pilot.run.state.message


def test_no_secret_reaches_a_ledger_a_page_a_log_or_an_artifact(pilot, prefect_server, orders, monkeypatch, caplog):
    secret = "hunter2-s3cret"
    monkeypatch.setenv("DB_PASSWORD", secret)
    url = f"postgresql+psycopg://ann:{secret}@127.0.0.1:1/shop"
    destination = {"kind": "database", "url": url, "table": "orders"}
    pilot.start(pilot.pipeline(orders, destination=destination, gates={"quality": "never", "load": "never"}))
    assert pilot.go() == "Suspended", "the load fails, and a person is asked"
    assert pilot.gate == "load-2"
    pilot.answer(verdict="no-go")
    assert secret not in caplog.text
    for path in pilot.home.path.rglob("*"):
        if path.is_file() and path.name != "pipeline.json":
            assert secret.encode() not in path.read_bytes(), path
    with sqlite3.connect(pilot.home.path / "ledger.db") as connection:
        assert secret not in str(connection.execute("SELECT * FROM gonogo_ledger").fetchall())
    told = httpx.post(f"{prefect_server}/artifacts/filter", json={"limit": 50})
    assert len(told.json()) > 2, "the run has artifacts"
    assert secret not in told.text
    assert secret not in httpx.get(f"{prefect_server}/flow_runs/{pilot.id}").text
