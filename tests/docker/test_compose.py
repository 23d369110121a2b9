"""The container files hold together: what they name is there, nothing is open to the network, no secret is written."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
DOCKER = REPOSITORY / "docker"
COMPOSED = sorted(DOCKER.glob("compose*.yaml"))


def services(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text())["services"]


def test_there_is_one_for_use_and_one_for_tests():
    assert [path.name for path in COMPOSED] == ["compose.test.yaml", "compose.yaml"]
    assert {"postgres", "redis", "server", "gonogo"} == set(services(DOCKER / "compose.yaml"))
    assert {"postgres", "mariadb", "redis", "s3", "kafka"} == set(services(DOCKER / "compose.test.yaml"))


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_ports_are_on_loopback_only_and_services_wait_for_health(path):
    known = services(path)
    for name, service in known.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in known[needed]


def test_the_files_that_compose_mounts_and_builds_from_are_there():
    for service in services(DOCKER / "compose.yaml").values():
        if build := service.get("build"):
            assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (DOCKER / source).exists(), volume


def test_passwords_come_from_the_environment():
    written = re.findall(r"://\w+:([^@\s]+)@", (DOCKER / "compose.yaml").read_text())
    assert set(written) == {"${POSTGRES_PASSWORD}"}


def test_the_prefect_server_asks_for_a_password_and_its_client_brings_it():
    known = services(DOCKER / "compose.yaml")
    asked = known["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"]
    assert re.fullmatch(r"gonogo:\$\{PREFECT_PASSWORD:\?.+\}", asked), "there is no default password"
    brought = known["gonogo"]["environment"]["PREFECT_API_AUTH_STRING"]
    assert brought == "gonogo:${PREFECT_PASSWORD}"


def test_what_the_image_copies_is_in_its_context():
    recipe = (DOCKER / "Dockerfile").read_text()
    allowed = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {name for line in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE) for name in line.split()}
    assert copied == allowed
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_image_has_what_its_services_and_every_kind_of_database_need_in_pinned_versions():
    recipe, pinned = (DOCKER / "Dockerfile").read_text(), (REPOSITORY / "constraints.txt").read_text()
    (extras, beside) = re.findall(r"'\.\[([\w,]+)\]' ([\w -]+?) \\", recipe)[0]
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        known = tomllib.load(file)["project"]["optional-dependencies"]
    assert {"postgres", "mysql"} <= set(extras.split(",")) <= set(known)
    for name in beside.split():
        assert re.search(rf"^{name}==", pinned, re.MULTILINE), f"{name} is not pinned"
    environment = services(DOCKER / "compose.yaml")["server"]["environment"]
    assert environment["PREFECT_MESSAGING_BROKER"] == "prefect_redis.messaging"


def test_prefect_knows_every_setting_that_the_containers_give_it():
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    known = _get_valid_setting_names(Settings)
    for name, service in services(DOCKER / "compose.yaml").items():
        for setting in service.get("environment", {}):
            if setting.startswith("PREFECT_") and not setting.startswith("PREFECT_REDIS_"):  # prefect-redis reads those
                assert setting in known, f"{name}: {setting}"


def test_the_configs_that_services_name_are_there():
    for path in COMPOSED:
        composed = yaml.safe_load(path.read_text())
        named = {c["source"] for service in composed["services"].values() for c in service.get("configs", [])}
        assert named == set(composed.get("configs", {}))


def test_the_image_runs_as_nobody_special_with_pinned_versions():
    recipe = (DOCKER / "Dockerfile").read_text()
    assert recipe.rindex("USER gonogo") > recipe.rindex("RUN ")
    assert "--constraint constraints.txt" in recipe
