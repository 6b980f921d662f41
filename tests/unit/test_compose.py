"""docker-compose.yml and docker/: nothing in them names a thing that is not there.

No container engine is needed. What these tests cannot say is whether the images start; the comments at the head of
docker-compose.yml have the command for that.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsflow.config import DEFAULT_GATEWAY_TOKEN

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
RUN = ROOT / "docker" / "openmldb" / "run.sh"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")


def interpolate(value: Any, environ: dict[str, str]) -> Any:
    """The variables of a compose file, as docker compose fills them in; ``$$`` is a dollar."""
    if isinstance(value, dict):
        return {key: interpolate(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, environ) for item in value]
    if isinstance(value, str):
        filled = VARIABLE.sub(lambda match: environ.get(match[1]) or match[2] or "", value)
        assert "$" not in filled.replace("$$", ""), f"a variable that this test cannot read: {value}"
        return filled.replace("$$", "$")
    return value


def load(**environ: str) -> dict[str, Any]:
    loaded: dict[str, Any] = interpolate(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), environ)
    return loaded


FILE = load()
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OPENMLDB = {name: service for name, service in SERVICES.items() if "openmldb" in service.get("image", "")}


def mounts(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A service's mounts by target, short and long form alike."""
    found = {}
    for entry in service.get("volumes", []):
        if isinstance(entry, str):
            source, target, *flags = entry.split(":")
            entry = {"type": "volume", "source": source, "target": target, "read_only": "ro" in flags}
        assert entry["target"] not in found
        found[entry["target"]] = entry
    return found


def published(service: dict[str, Any]) -> dict[int, int]:
    """Container port to port of this machine."""
    return {int(port.split(":")[2]): int(port.split(":")[1]) for port in service.get("ports", [])}


def dockerfile(service: dict[str, Any]) -> str:
    build = service["build"]
    return Path(ROOT, build["context"], build["dockerfile"]).read_text(encoding="utf-8")


def test_the_parts_of_the_stack() -> None:
    assert {service["command"][0] for service in OPENMLDB.values()} == {
        "zookeeper",
        "tablet",
        "nameserver",
        "recover",
        "apiserver",
        "taskmanager",
    }
    assert set(SERVICES) - set(OPENMLDB) == {"dolphinscheduler", "predict"}
    assert {service["image"] for service in OPENMLDB.values()} == {"4pdosc/openmldb:0.9.2"}
    assert "FROM apache/dolphinscheduler-standalone-server:3.1.5\n" in dockerfile(SERVICES["dolphinscheduler"])


def test_ports_are_open_on_this_machine_only() -> None:
    entries = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in entries)
    assert sorted(int(port.split(":")[1]) for port in entries) == [8881, 9080, 12345, 25333]
    assert not any("network_mode" in service for service in SERVICES.values())


def test_volumes_are_declared_and_used() -> None:
    named = {m["source"] for s in SERVICES.values() for m in mounts(s).values() if m["type"] == "volume"}
    assert named == set(FILE["volumes"])


def test_files_that_are_mounted_exist_and_are_not_made_by_mistake() -> None:
    bound = [m for s in SERVICES.values() for m in mounts(s).values() if m["type"] == "bind"]
    assert bound
    for mount in bound:
        assert (ROOT / mount["source"]).is_file(), mount
        assert mount["read_only"] is True
        assert mount["bind"]["create_host_path"] is False


def test_dependencies_can_be_met() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            once = SERVICES[other].get("restart") == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy"), (name, other)


def test_every_server_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        if service.get("restart") == "no":
            continue
        if "build" in service:
            assert re.search(r"^HEALTHCHECK ", dockerfile(service), re.M), name
        else:
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_every_health_check_is_a_command_that_bash_can_read() -> None:
    for service in OPENMLDB.values():
        if "healthcheck" in service:
            command, flag, text = service["healthcheck"]["test"][1:]
            assert (command, flag) == ("bash", "-c")
            subprocess.run(["bash", "-n", "-c", text], check=True)


def test_health_checks_ask_the_ports_that_the_components_listen_on() -> None:
    ports = dict(re.findall(r"configure (\w+) \w+_PORT (\d+)", RUN.read_text(encoding="utf-8"))) | {"zookeeper": "2181"}
    for service in OPENMLDB.values():
        component = service["command"][0]
        if component != "recover":
            assert re.findall(r"[:/](\d{4,5})\b", service["healthcheck"]["test"][-1]) == [ports[component]]
    assert published(SERVICES["openmldb-apiserver"]) == {int(ports["apiserver"]): 9080}


def test_host_names_are_service_names() -> None:
    assert all(service["hostname"] == name for name, service in SERVICES.items())
    host, port = next(iter(OPENMLDB.values()))["environment"]["ZK_CLUSTER"].split(":")
    assert SERVICES[host]["command"] == ["zookeeper"]
    assert port == "2181"


def test_the_dockerfiles_copy_what_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in ignore
    for name in ("dolphinscheduler", "predict"):
        for sources in re.findall(r"^COPY (.+) \S+$", dockerfile(SERVICES[name]), re.M):
            for source in sources.split():
                assert (ROOT / source).exists(), source
                assert "!" + source.removeprefix("./").split("/")[0] in ignore, source


def test_images_are_pinned() -> None:
    for name in ("dolphinscheduler", "predict"):
        assert re.findall(r"^FROM \S+:[\d.]+\S*$", dockerfile(SERVICES[name]), re.M)


def test_the_gateway_has_the_token_that_dsflow_uses() -> None:
    assert SERVICES["dolphinscheduler"]["environment"]["PYTHONGATEWAY_AUTHTOKEN"] == DEFAULT_GATEWAY_TOKEN
    assert SERVICES["dolphinscheduler"]["environment"]["PYTHONGATEWAY_ENABLED"] == "true"
    mine = load(DSFLOW_GATEWAY_TOKEN="my-own")["services"]["dolphinscheduler"]["environment"]
    assert mine["PYTHONGATEWAY_AUTHTOKEN"] == "my-own"


def test_every_variable_is_explained() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    explained = set(re.findall(r"^#   (DSFLOW_\w+)  ", text, re.M))
    assert {name for name, _ in VARIABLE.findall(text)} == explained


def test_the_workers_python_has_what_the_tasks_import() -> None:
    requirements = (ROOT / "docker" / "dolphinscheduler" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {re.split(r"[=<>]", line)[0]: line for line in requirements if line and not line.startswith("#")}
    assert wanted["openmldb"] == "openmldb==0.9.2"
    assert wanted["sqlalchemy"] == "sqlalchemy>=1.4,<2"
    tree = ast.parse((ROOT / "pipelines" / "talkingdata_train.py").read_text(encoding="utf-8"))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert {"numpy", "pyarrow", "xgboost"} <= imported & set(wanted)
    text = dockerfile(SERVICES["dolphinscheduler"])
    environment = re.search(r"python3 -m venv (\S+)", text)
    assert environment
    assert f"ENV PYTHON_HOME={environment[1]}/bin/python3\n" in text


def test_the_compose_profile_leads_to_these_services() -> None:
    profile = yaml.safe_load((ROOT / "dsflow.yaml").read_text(encoding="utf-8"))["profiles"]["compose"]
    ports = published(SERVICES["dolphinscheduler"])
    assert profile["api_url"] == f"http://127.0.0.1:{ports[12345]}/dolphinscheduler"
    assert profile["gateway"] == f"127.0.0.1:{ports[25333]}"

    params = profile["params"]
    host, port = params["zookeeper"].split(":")
    assert f"{host}:{port}" == OPENMLDB["openmldb"]["environment"]["ZK_CLUSTER"]
    assert params["zookeeper_path"] == OPENMLDB["openmldb"]["environment"]["ZK_ROOT_PATH"]
    host, port = params["predict_server"].split(":")
    assert int(port) in published(SERVICES[host])

    # OpenMLDB's jobs, the tasks and the prediction server see features and models under the same paths.
    for name in ("openmldb-taskmanager", "dolphinscheduler"):
        where = mounts(SERVICES[name])
        assert where[params["data"]]["type"] == "bind"
        assert where["/data"] == {"type": "volume", "source": "data", "target": "/data"}
    assert mounts(SERVICES["predict"])["/data"]["source"] == "data"
    for directory in ("feature_dir", "model_dir"):
        assert params[directory].startswith("/data/")


def test_the_prediction_server_is_started_where_it_is_asked() -> None:
    text = dockerfile(SERVICES["predict"])
    found = re.search(r"^CMD (\[.*\])$", text, re.M)
    assert found
    command = ast.literal_eval(found[1])
    assert command[:2] == ["dsflow", "serve"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert set(options) == {"--apiserver", "--host", "--port", "--model-dir", "--models", "--no-token"}
    assert options["--models"] == "/data"
    host, port = options["--apiserver"].removeprefix("http://").split(":")
    assert int(port) in published(SERVICES[host])
    assert int(options["--port"]) in published(SERVICES["predict"])
    assert options["--model-dir"] in mounts(SERVICES["predict"])
    assert f"http://127.0.0.1:{options['--port']}/health" in text


@pytest.fixture
def openmldb(tmp_path: Path) -> Path:
    """A folder that looks like the image's OpenMLDB: components print how they were started."""
    home = tmp_path / "openmldb"
    for folder in (
        "bin",
        "sbin",
        "conf",
        "tools",
        "zookeeper/bin",
        "zookeeper/conf",
        "taskmanager/bin",
        "taskmanager/conf",
    ):
        (home / folder).mkdir(parents=True)

    def script(name: str, text: str) -> None:
        (home / name).write_text(text, encoding="utf-8")
        (home / name).chmod(0o755)

    script("bin/openmldb", '#!/bin/sh\necho "openmldb $*"\ncat "${1#--flagfile=}"\n')
    script("zookeeper/bin/zkServer.sh", '#!/bin/sh\necho "zookeeper $*"\ncat zookeeper/conf/zoo.cfg\n')
    script("taskmanager/bin/taskmanager.sh", "echo taskmanager; cat ../conf/taskmanager.properties\n")
    script(
        "sbin/deploy.sh",
        'file=conf/$1.flags; [ "$1" = taskmanager ] && file=conf/$1.properties\n'
        'printf "%s\\n" --db_root_path=./db job.log.path=./logs/ > "$file"\n'
        'env | grep -E "^(OPENMLDB_|SPARK_HOME)" >> "$file"\n',
    )
    script("tools/openmldb_ops.py", "import sys\nprint('ops', *sys.argv[1:])\nsys.exit(3)\n")
    return home


def start(home: Path, component: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(RUN), component],
        env={"PATH": os.environ["PATH"], "OPENMLDB_HOME": str(home), "STATE": str(home / "state"), **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_components_start_in_the_foreground_with_their_configuration(openmldb: Path) -> None:
    host = subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()
    state = openmldb / "state"
    done = start(openmldb, "tablet", ZK_CLUSTER="zk:2182", ZK_ROOT_PATH="/root")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "openmldb --flagfile=conf/tablet.flags --enable_status_service=true"
    assert {f"OPENMLDB_HOST={host}", "OPENMLDB_TABLET_PORT=10921", "OPENMLDB_ZK_CLUSTER=zk:2182"} <= set(lines)
    assert [line for line in lines if line.startswith("--db_root_path")] == [f"--db_root_path={state}/db"]
    assert (state / "db").is_dir()

    assert "OPENMLDB_APISERVER_PORT=9080" in start(openmldb, "apiserver").stdout
    assert "OPENMLDB_NAMESERVER_PORT=7527" in start(openmldb, "nameserver").stdout
    zookeeper = start(openmldb, "zookeeper", ZK_CLUSTER="zk:2182").stdout.splitlines()
    assert zookeeper[0] == "zookeeper start-foreground"
    assert {"clientPort=2182", f"dataDir={state}"} <= set(zookeeper)
    jobs = start(openmldb, "taskmanager").stdout.splitlines()
    assert jobs[0] == "taskmanager"
    assert {f"offline.data.prefix=file://{state}/offline_storage/", f"job.log.path={state}/job_logs/"} <= set(jobs)
    assert "job.log.path=./logs/" not in jobs


def test_a_recovery_that_fails_is_told_and_does_not_stop_the_start(openmldb: Path) -> None:
    done = start(openmldb, "recover")
    assert done.returncode == 0
    assert "--cmd=recoverdata" in done.stdout
    assert "recovering data failed" in done.stderr


def test_an_unknown_component_is_refused(openmldb: Path) -> None:
    done = start(openmldb, "tablets")
    assert done.returncode == 2
    assert "no component tablets" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="install shellcheck to check the scripts of docker/")
def test_the_scripts_pass_shellcheck() -> None:
    subprocess.run(["shellcheck", str(RUN)], check=True)
