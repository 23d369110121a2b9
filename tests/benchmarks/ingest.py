"""How fast data comes in and goes out, side by side with the engine's or the driver's own way, in one run.

Each contender runs in a process of its own, its own way and gonogo's in turn and the turns several times over; the
median counts, beside the largest peak of resident memory. Imports are not measured.

    python tests/benchmarks/ingest.py                        # all that can run here, a million rows
    python tests/benchmarks/ingest.py csv --rows 100000
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from contenders import peak_mb

HERE = Path(__file__).parent
COLUMNS = 20
IMPORTED = (
    "blocks.destinations.loading", "confluent_kafka.admin", "ibis.backends.duckdb", "pandas", "psycopg", "pyarrow.csv",
    "pyarrow.parquet", "sqlalchemy.dialects.postgresql",
)  # fmt: skip
"""What is imported only when it is used."""


@dataclass(frozen=True)
class Race:
    """gonogo's way against the own way of what it uses.

    Attributes:
        own: what is done without gonogo; does it and gives the seconds.
        ours: the same with gonogo.
        most: the largest ratio that is meant to be.
        prepared: while the data is there, in a folder and of so many rows.
    """

    own: Callable[[Path], float]
    ours: Callable[[Path], float]
    most: float
    said: str
    prepared: Callable[[Path, int], AbstractContextManager[None]]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def csv_file(folder: Path, rows: int) -> Iterator[None]:
    """A messy table of orders as CSV, made when it is not there."""
    import duckdb
    import messy

    path = folder / "orders.csv"
    if not path.exists():
        with duckdb.connect() as connection:
            picked = messy.query(rows, COLUMNS)
            connection.execute(f"COPY (SELECT * EXCLUDE (_row) FROM ({picked})) TO '{path}' (HEADER)")
    yield


def duckdb_csv(folder: Path) -> float:
    """DuckDB's CSV → Parquet, all text."""
    import duckdb

    with duckdb.connect() as connection:
        query = f"SELECT * FROM read_csv('{folder / 'orders.csv'}', all_varchar = true, header = true)"
        return _timed(lambda: connection.execute(f"COPY ({query}) TO '{folder / 'own.parquet'}' (COMPRESSION zstd)"))


def staged_csv(folder: Path) -> float:
    """The file source's CSV → snapshot."""
    from blocks.sources import FileSource, Reading
    from blocks.staging import Staging

    with tempfile.TemporaryDirectory(dir=folder) as staging:
        reading = Reading(Staging(staging), "benchmark", "benchmark", folder)
        return _timed(lambda: FileSource(path="orders.csv").read(reading))


# --- Kafka --------------------------------------------------------------------------------------------------------

TOPIC = "orders"


@contextmanager
def topic(folder: Path, rows: int) -> Iterator[None]:
    """A broker with small JSON messages in three partitions; its address is in `kafka`."""
    sys.path.insert(0, str(HERE.parents[1]))
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    from tests.services.kafka import kafka

    with kafka() as broker:
        admin = AdminClient({"bootstrap.servers": broker.servers})
        admin.create_topics([NewTopic(TOPIC, 3, 1)])[TOPIC].result()
        settings = {"linger.ms": 20, "queue.buffering.max.messages": 2_000_000, "compression.type": "lz4"}
        producer = Producer({"bootstrap.servers": broker.servers, **settings})
        for number in range(rows):
            numbers = f'"id": {number}, "amount": {number % 997}.{number % 100:02}'
            message = f'{{{numbers}, "city": "Kiel", "at": "2026-01-01T10:00:00", "status": "open"}}'
            producer.produce(TOPIC, message, key=str(number))
            if number % 1000 == 0:
                producer.poll(0)
        producer.flush()
        (folder / "kafka").write_text(f"{broker.servers} {rows}")
        yield


def bare_loop(folder: Path) -> float:
    """A loop over confluent-kafka's consumer as it is, which does nothing with the messages.

    With its own settings it waits a second (`fetch.queue.backoff.ms`) whenever its queue was full; the source does not.
    """
    from confluent_kafka import Consumer, TopicPartition

    servers, rows = (folder / "kafka").read_text().split()
    started, left = time.perf_counter(), int(rows)
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bare", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(3)])
    while left:
        left -= sum(message.error() is None and message.value() is not None for message in consumer.consume(10_000, 1))
    consumer.close()
    return time.perf_counter() - started


def staged_topic(folder: Path) -> float:
    """The stream source's topic → snapshot."""
    from blocks.sources import Reading, StreamSource
    from blocks.staging import Staging

    source = StreamSource(servers=(folder / "kafka").read_text().split()[0], topics=(TOPIC,))
    with tempfile.TemporaryDirectory(dir=folder) as staging:
        reading = Reading(Staging(staging), "benchmark", "benchmark", folder)
        return _timed(lambda: source.read(reading))


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

TYPES = {
    "quantity": "integer",
    "unit_price": "number",
    "total": "number",
    "delivered_at": "date",
    "updated_at": "timestamp",
}
"""Columns of the table that are loaded as such; the others are text."""

_SQL = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "date": "DATE", "timestamp": "TIMESTAMP"}


@contextmanager
def postgres_table(folder: Path, rows: int) -> Iterator[None]:
    """A server with the table; its address lies in the folder."""
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.services.postgres import postgres

    with csv_file(folder, rows), postgres() as address:
        (folder / "postgres.url").write_text(address)
        postgres_rows(folder)
        yield


def postgres_rows(folder: Path) -> None:
    """The clean rows of the table as a snapshot and as CSV, and a table of them in PostgreSQL."""
    import duckdb
    import psycopg

    picked = ", ".join(
        f'CASE WHEN TRY_CAST("{name}" AS {_SQL[type].split()[0]}) IS NOT NULL THEN "{name}" END AS "{name}"'
        for name, type in TYPES.items()
    )
    if not (folder / "clean.parquet").exists():
        with duckdb.connect() as connection:
            text = f"read_csv('{folder / 'orders.csv'}', all_varchar = true, header = true)"
            rows = f"SELECT row_number() OVER () - 1 AS _row, * REPLACE ({picked}) FROM {text}"
            connection.execute(f"COPY ({rows}) TO '{folder / 'clean.parquet'}' (COMPRESSION zstd)")
            query = f"SELECT * EXCLUDE (_row) FROM '{folder / 'clean.parquet'}' ORDER BY _row"
            connection.execute(f"COPY ({query}) TO '{folder / 'clean.csv'}' (HEADER false)")
    with psycopg.connect(_address(folder), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS orders")
        _copy_in(folder, connection, "orders")
        connection.execute("VACUUM ANALYZE orders")


def _address(folder: Path) -> str:
    return (folder / "postgres.url").read_text().replace("+psycopg", "")


def _names(folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [name for name in pq.read_schema(folder / "clean.parquet").names if name != "_row"]


def _copy_in(folder: Path, connection: Any, table: str) -> None:
    columns = ", ".join(f'"{name}" {_SQL.get(TYPES.get(name, ""), "TEXT")}' for name in _names(folder))
    connection.execute(f"CREATE TABLE {table} ({columns})")
    statement = f"COPY {table} FROM STDIN (FORMAT csv)"
    with (folder / "clean.csv").open("rb") as file, connection.cursor().copy(statement) as copy:
        while chunk := file.read(1 << 20):
            copy.write(chunk)


def copy_from_file(folder: Path) -> float:
    """A CSV file → table, with COPY, in one transaction."""
    import psycopg

    with psycopg.connect(_address(folder)) as connection:
        connection.execute("DROP TABLE IF EXISTS own")
        connection.commit()

        def work() -> None:
            _copy_in(folder, connection, "own")
            connection.commit()

        return _timed(work)


def loaded(folder: Path) -> float:
    """A snapshot → table, with the database destination."""
    import psycopg

    from blocks.destinations import DatabaseDestination, LoadBatch
    from blocks.staging import connected

    with psycopg.connect(_address(folder), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS ours")
    destination = DatabaseDestination(url=(folder / "postgres.url").read_text(), table="ours")
    with connected() as engine:
        rows = engine.read_parquet(folder / "clean.parquet")
        batch = LoadBatch(rows, TYPES, f"run-{time.time_ns()}", "sha256:", "benchmark", in_order=True)
        return _timed(lambda: destination.load(batch, folder))


def copy_to_file(folder: Path) -> float:
    """A table → CSV file, with COPY."""
    import psycopg

    def work() -> None:
        statement = "COPY (SELECT * FROM orders) TO STDOUT (FORMAT csv, HEADER)"
        with (
            psycopg.connect(_address(folder)) as connection,
            (folder / "out.csv").open("wb") as file,
            connection.cursor().copy(statement) as copy,
        ):
            for chunk in copy:
                file.write(chunk)

    return _timed(work)


def read(folder: Path, parts: int | None = None) -> float:
    """A table → snapshot, with the database source; in so many ranges side by side."""
    from blocks.sources import DatabaseSource, Reading
    from blocks.staging import Staging

    ranges = {"ranges": {"column": "updated_at", "parts": parts}} if parts else {}
    source = DatabaseSource.model_validate({"url": (folder / "postgres.url").read_text(), "table": "orders", **ranges})
    with tempfile.TemporaryDirectory(dir=folder) as staging:
        reading = Reading(Staging(staging), "benchmark", "benchmark", folder)
        return _timed(lambda: source.read(reading))


SIXTY_PERCENT = 1 / 0.6
MOST_MB = 500
"""Memory that gonogo's side may take, whatever the size of the source."""

RACES = {
    "csv": Race(duckdb_csv, staged_csv, 1.5, "CSV → snapshot, against DuckDB's CSV → Parquet", csv_file),
    "stream": Race(
        bare_loop, staged_topic, SIXTY_PERCENT, "topic → snapshot, against a bare confluent-kafka loop", topic
    ),
    "postgres-read": Race(copy_to_file, read, 1.5, "PostgreSQL → snapshot, against COPY → CSV file", postgres_table),
    "postgres-ranges": Race(
        copy_to_file,
        partial(read, parts=4),
        1.5,
        "PostgreSQL → snapshot in four ranges, against COPY → CSV file",
        postgres_table,
    ),
    "postgres-load": Race(
        copy_from_file, loaded, 1.3, "snapshot → PostgreSQL, against CSV file → COPY", postgres_table
    ),
}


def _run(name: str, side: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "ingest.py"), name, "--side", side, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    if done.returncode:
        raise RuntimeError(f"{name} ({side}) failed:\n{done.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def main() -> int:
    """Run the races and print their ratios; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("race", nargs="*", metavar="RACE", help=f"of {', '.join(RACES)} (default: all)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--repeat", type=int, default=3, help="default: 3")
    parser.add_argument("--folder", type=Path, help="where the data is made, and kept for the next time")
    parser.add_argument("--side", choices=("own", "ours"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.race) - set(RACES):
        parser.error(f"no race {', '.join(sorted(unknown))}; there are {', '.join(RACES)}")
    if given.side:
        for module in IMPORTED:
            import_module(module)
        seconds = getattr(RACES[given.race[0]], given.side)(given.folder)
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}))
        return 0
    missed = 0
    with tempfile.TemporaryDirectory(prefix="gonogo-ingest-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.race or RACES:
            race = RACES[name]
            runs: dict[str, list[dict[str, Any]]] = {"own": [], "ours": []}
            with race.prepared(folder, given.rows):
                for _turn in range(given.repeat):
                    for side, told in runs.items():
                        told.append(_run(name, side, folder))
            own, ours = (statistics.median(run["seconds"] for run in runs[side]) for side in ("own", "ours"))
            peak = max(run["peak_mb"] for run in runs["ours"])
            met = ours <= race.most * own and peak <= MOST_MB
            missed += not met
            print(f"{name}: {given.rows:,} rows, {race.said}")
            print(f"  own {own:.2f} s, gonogo {ours:.2f} s: {ours / own:.2f} ×, {peak:,.0f} MB at most")
            print(f"  {'met' if met else 'NOT MET'}: at most {race.most:.2f} ×, at most {MOST_MB} MB")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
