"""A suggested pipeline is what the data shows, with comments, and runs as it is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

from blocks.spec import default_pipeline, load_pipeline
from tasks.suggest import suggest


def _orders(folder):
    lines = ["id,size,quantity,price,total,odd: name"]
    for n in range(60):
        quantity, price = n % 7 + 1, n % 11 + 0.5
        lines.append(f"A-{n:03},{['small', 'large'][n % 2]},{quantity},{price:.2f},{quantity * price:.2f},'{n}\\")
    path = folder / "orders.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_the_data_keeps_is_promised(tmp_path):
    text = suggest(default_pipeline(_orders(tmp_path)))
    (tmp_path / "orders.yaml").write_text(text)
    spec = load_pipeline(tmp_path / "orders.yaml")
    assert spec.contract.key == ("id",)
    assert spec.contract.column("size").allowed == ("large", "small")
    assert spec.contract.column("quantity").type == "integer"
    assert spec.contract.column("id").pattern == r"\p{L}+-\d+"
    assert [rule.expression for rule in spec.contract.rules] == ['round("quantity" * "price", 2) = "total"']
    assert spec.source.path == "orders.csv"


def test_dates_are_promised_as_they_are_written_and_moments_as_moments(tmp_path):
    lines = ["at,us,eu,unknown,id"]
    for n in range(200):
        day, month, hour = 1 + n % 28, 1 + n % 12, n % 24
        us = "soon" if n == 7 else f"{month:02}/{day:02}/24"
        lines.append(
            f"2024-{month:02}-{day:02} {hour:02}:{n % 60:02}:00,{us},{day}.{month}.2024,"
            f"{month}/{month}/{2000 + n % 60},{n}"
        )
    (tmp_path / "days.csv").write_text("\n".join(lines) + "\n")
    text = suggest(default_pipeline(tmp_path / "days.csv"))
    (tmp_path / "days.yaml").write_text(text)
    contract = load_pipeline(tmp_path / "days.yaml").contract
    found = {name: (column.type, column.format) for name, column in contract.columns.items()}
    assert found["at"] == ("timestamp", None)
    assert found["us"] == ("date", "%m/%d/%y")
    assert found["eu"] == ("date", "%d.%m.%Y")
    assert found["unknown"] == (None, None), "nothing shows which comes first, day or month"
    assert "type: date  # 1 are not" in text
    assert contract.key == ("id",), "a moment is a worse key than a number that counts the rows"


def test_the_types_of_the_source_are_what_the_contract_begins_with(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, zip VARCHAR(5), price NUMERIC(10, 2), late DATE)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?, NULL)", [(n, str(10_000 + n), n / 4) for n in range(40)])
    pipeline = tmp_path / "shop.yaml"
    pipeline.write_text(
        "name: shop\nsource: {kind: database, url: 'sqlite:///shop.db', table: orders}\n"
        "destination: {kind: file, path: out.csv}\n"
    )
    command = [sys.executable, "-m", "flows.cli", "suggest", "shop.yaml", "--out", "suggested.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    columns = load_pipeline(tmp_path / "suggested.yaml").contract.columns
    found = {name: columns[name].type for name in columns}
    assert found == {"id": "integer", "zip": None, "price": "number", "late": "date"}
    assert columns["zip"].pattern == r"\d+", "digits in a column of text are no numbers"
    assert "type: number  # as the source says: numeric(10, 2)" in (tmp_path / "suggested.yaml").read_text()


def test_what_too_many_values_break_is_a_comment_and_words_for_nothing_are_no_values(tmp_path):
    lines = ["id,size,firm,day"]
    for n in range(200):
        size = "None" if n % 10 == 0 else ["small", "large"][n % 2]
        lines.append(
            f"{n + 13000000},{size},{f'rare {n}' if n % 40 == 0 else f'firm {n % 3}'},{'' if n % 50 == 0 else n}"
        )
    (tmp_path / "firms.csv").write_text("\n".join(lines) + "\n")
    text = suggest(default_pipeline(tmp_path / "firms.csv"))
    (tmp_path / "firms.yaml").write_text(text)
    contract = load_pipeline(tmp_path / "firms.yaml").contract
    assert set(contract.column("size").allowed) == {"small", "large"}
    assert not contract.column("size").required
    assert contract.column("firm").allowed is None
    (line,) = [line.strip() for line in text.splitlines() if "5 are not among them" in line]
    assert line.startswith("# allowed: [")
    assert not contract.column("day").required
    assert "# required: true  # 4 are missing" in text
    assert "# minimum: 0  # from 13000000 to 13000199" in text


def test_a_value_that_may_be_a_slip_of_another_is_not_promised(tmp_path):
    lines = [
        "id,state",
        *(f"{n},{'al' if n % 30 else 'xl'}" for n in range(1, 300)),
        *(f"{n},ny" for n in range(300, 400)),
    ]
    (tmp_path / "states.csv").write_text("\n".join(lines) + "\n")
    text = suggest(default_pipeline(tmp_path / "states.csv"))
    assert """# allowed: ["al", "ny", "xl"]  # 'xl' may be a slip of 'al'""" in text


def test_the_command_writes_a_file_once_and_says_how_to_run_it(tmp_path):
    _orders(tmp_path)
    command = [sys.executable, "-m", "flows.cli", "suggest", "orders.csv", "--out", "p.yaml"]
    first, second = (subprocess.run(command, cwd=tmp_path, capture_output=True, text=True) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "gonogo run p.yaml" in first.stdout
    assert second.returncode != 0
    assert "is there already" in second.stdout + second.stderr
