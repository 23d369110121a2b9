"""An Apache Kafka broker of its own in KRaft mode, from Maven Central: `python -m tests.services.kafka`.

The artifacts are fetched once, by Maven, into `~/.cache/gonogo-tests` (`python -m tests.services.kafka --fetch` does
no more than that); Java runs them. Topics have three partitions. A second listener wants TLS and a password. Tests may
kill the broker and start it again with the same data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.process import NotInstalledError, folder, free_port, listens, program, running, serve

VERSION = "4.1.2"
CLUSTER = "Z29ub2dvLXRlc3RzLTAwMQ"
USER, PASSWORD = "gonogo", "s3cret-Passw0rd"
GUEST, GUEST_PASSWORD = "guest", "s3cret-Guest"
"""Who may do nothing until an ACL allows it."""

_POM = f"""
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gonogo</groupId><artifactId>test-kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.17</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.17</version></dependency>
  </dependencies>
</project>
"""
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}" user_{guest}="{guest_password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{user}
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={path}/broker.pem
log.dirs={logs}
metadata.log.dir={path}/data
num.partitions=3
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
"""
_USERS = {"user": USER, "password": PASSWORD, "guest": GUEST, "guest_password": GUEST_PASSWORD}
_JAVA = ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")


@dataclass
class Kafka:
    """A broker, and how to reach it.

    Attributes:
        servers: without TLS and password.
        secure: with both.
        ca: file of the certificate that signed the broker's.
    """

    servers: str
    secure: str = ""
    ca: Path = Path()
    _command: list[str] = field(default_factory=list)
    _log: Path = Path()
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _pid: int = 0

    def start(self) -> None:
        """Start it, with the data that is there."""
        self._pid = self._stack.enter_context(running(self._command, self._log, self._answers, seconds=90))

    def kill(self) -> None:
        """Kill it, so that it can put nothing in order."""
        os.kill(self._pid, signal.SIGKILL)
        self._stack.close()

    def stop(self) -> None:
        self._stack.close()

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if not listens(int(self.servers.rpartition(":")[2])):
            return False
        try:
            return bool(AdminClient({"bootstrap.servers": self.servers, "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False


def artifacts() -> Path:
    """The folder of the broker's jars, fetched when they are not here."""
    maven = program("mvn")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo-tests"
    jars = cache / f"kafka-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            with folder("gonogo-maven-") as path:
                (path / "pom.xml").write_text(_POM)
                out = cache / f".{jars.name}.{os.getpid()}"
                goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={out}"]
                command = [maven, "-B", "-ntp", "-q", "-f", str(path / "pom.xml"), *goal]
                done = subprocess.run(command, capture_output=True, text=True, timeout=600)
                if done.returncode:
                    why = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
                    raise NotInstalledError(f"Apache Kafka {VERSION} cannot be fetched with Maven:\n{why}")
                out.rename(jars)
    return jars


@contextlib.contextmanager
def kafka(beside: Path | None = None) -> Iterator[Kafka]:
    """Yields an empty broker.

    Args:
        beside: another folder for its data, e.g. on a small disk; topics are shared out between the two.
    """
    java = program("java")
    classes = [java, *_JAVA, *_QUIET, "-cp", f"{artifacts()}/*"]
    plain, secure, controller = free_port(), free_port(), free_port()
    with folder("gonogo-kafka-") as path:
        ca = _certificates(path)
        properties = path / "server.properties"
        ports = {"plain": plain, "secure": secure, "controller": controller}
        logs = ",".join(map(str, filter(None, (path / "data", beside))))
        properties.write_text(_PROPERTIES.format(**ports, path=path, logs=logs, **_USERS))
        storage = [*classes, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)]
        done = subprocess.run(storage, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the storage cannot be formatted:\n{(done.stdout + done.stderr)[-2000:]}")
        command = [*classes, "kafka.Kafka", str(properties)]
        broker = Kafka(f"127.0.0.1:{plain}", f"127.0.0.1:{secure}", ca, command, path / "log")
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()


def _certificates(path: Path) -> Path:
    """Make the broker's key and certificate; gives the file of the certificate that signed it: itself."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (path / "ca.pem").write_bytes(pem)
    (path / "broker.pem").write_bytes(private + pem)
    return path / "ca.pem"


@contextlib.contextmanager
def _address() -> Iterator[str]:
    with kafka() as broker:
        yield broker.servers


if __name__ == "__main__":
    if sys.argv[1:] == ["--fetch"]:
        print(artifacts())
    elif len(sys.argv) > 1:
        sys.exit(__doc__)
    else:
        serve(_address)
