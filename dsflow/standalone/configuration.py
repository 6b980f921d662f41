"""The configuration of a server: what all have in common, and what a release does not bring.

A release brings its own configuration, which stays below ours; jars of Maven Central bring none.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsflow.standalone.model import PASSWORD, USER, Source, Start
from dsflow.standalone.properties import write_properties
from dsflow.standalone.tables import schema

DATA = Path(__file__).parent / "maven"
OVERRIDES = "dsflow.properties"
FOLDERS = ("conf", "tmp", "data", "logs", "db")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Given:
    """What the machine gives a server: its ports, whether it may use sudo, and the gateway's token."""

    ports: Mapping[str, int]
    sudo: bool
    token: str


def configure(source: Source, start: Start, given: Given, *, fresh: bool) -> None:
    """Write the folder ``conf``, and make those that the server writes into.

    Args:
        fresh: the database is to be made.
    """
    folder = start.folder
    conf = folder / "conf"
    shutil.rmtree(conf, ignore_errors=True)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    spring = {**_common(start, given, fresh=fresh)}
    if source.home is None:
        spring |= _of_maven(given)
        (conf / "dolphinscheduler.sql").write_text(schema(source.version, source.class_path, USER, PASSWORD))
        for name in ("logback-spring.xml", "task-type-config.yaml"):
            shutil.copyfile(DATA / name, conf / name)
        write_properties(conf / "common.properties", _storage(folder, given) | _hadoop())
    else:
        shutil.copytree(source.home / "conf", conf, dirs_exist_ok=True)
        spring |= _of_release(source, given)
        below = source.home / "conf" / "common.properties"
        write_properties(conf / "common.properties", _storage(folder, given) | _local(source), below)
        _link(folder / "ui", source.home / "ui")
    write_properties(conf / OVERRIDES, spring)
    _write_environment(conf / "task_env.sh", start.python)


def _common(start: Start, given: Given, *, fresh: bool) -> dict[str, object]:
    """What Spring reads, of every version."""
    ports = given.ports
    database = "mem:dolphinscheduler"
    if start.persist:
        database = f"file:{start.folder / 'db' / 'dolphinscheduler'};DB_CLOSE_ON_EXIT=FALSE"
    return {
        "spring.main.banner-mode": "off",
        "spring.datasource.url": f"jdbc:h2:{database};MODE=MySQL;DB_CLOSE_DELAY=-1;DATABASE_TO_LOWER=true",
        "spring.sql.init.mode": "always" if fresh else "never",
        "server.address": LOOPBACK,
        "server.port": ports["api"],
        "registry.zookeeper.block-until-connected": "5s",  # the machine may be busy
        "master.listen-port": ports["master"],
        "master.state-wheel-interval": "500ms",
        "worker.listen-port": ports["worker"],
        "worker.exec-threads": "30",
        "worker.alert-listen-host": "localhost",
        "worker.alert-listen-port": ports["alert"],
        "alert.port": ports["alert"],
    }


def _of_maven(given: Given) -> dict[str, object]:
    """What Spring reads of 3.1.1, whose jars hold no configuration."""
    quartz = "spring.quartz.properties.org.quartz."
    gateway = "python-gateway."
    return {
        "spring.application.name": "standalone-server",
        "spring.jackson.time-zone": "UTC",
        "spring.jackson.date-format": "yyyy-MM-dd HH:mm:ss",
        "spring.cache.type": "none",
        "spring.messages.basename": "i18n/messages",
        "spring.mvc.pathmatch.matching-strategy": "ANT_PATH_MATCHER",
        "spring.servlet.multipart.max-file-size": "64MB",
        "spring.servlet.multipart.max-request-size": "64MB",
        "spring.datasource.driver-class-name": "org.h2.Driver",
        "spring.datasource.username": "sa",
        "spring.datasource.password": "",
        "spring.sql.init.schema-locations": "classpath:org/quartz/impl/jdbcjobstore/tables_h2.sql,"
        "classpath:dolphinscheduler.sql",
        "spring.quartz.job-store-type": "jdbc",
        "spring.quartz.jdbc.initialize-schema": "never",
        quartz + "scheduler.instanceName": "DolphinScheduler",
        quartz + "scheduler.instanceId": "AUTO",
        quartz + "scheduler.makeSchedulerThreadDaemon": True,
        quartz + "threadPool.threadCount": 5,
        quartz + "threadPool.makeThreadsDaemons": True,
        quartz + "jobStore.class": "org.springframework.scheduling.quartz.LocalDataSourceJobStore",
        quartz + "jobStore.driverDelegateClass": "org.quartz.impl.jdbcjobstore.StdJDBCDelegate",
        quartz + "jobStore.isClustered": True,
        quartz + "jobStore.acquireTriggersWithinLock": True,
        quartz + "jobStore.clusterCheckinInterval": 10000,
        "springfox.documentation.auto-startup": False,
        "management.health.defaults.enabled": False,
        "server.servlet.context-path": "/dolphinscheduler/",
        "server.servlet.session.timeout": "120m",
        "server.jetty.max-http-form-post-size": 5000000,
        "security.authentication.type": "PASSWORD",
        "audit.enabled": True,
        "registry.type": "zookeeper",
        "registry.zookeeper.namespace": "dolphinscheduler",
        "registry.zookeeper.retry-policy.base-sleep-time": "60ms",
        "registry.zookeeper.retry-policy.max-sleep": "300ms",
        "registry.zookeeper.retry-policy.max-retries": 5,
        "registry.zookeeper.session-timeout": "30s",
        "registry.zookeeper.connection-timeout": "9s",
        "master.exec-threads": 10,
        "master.pre-exec-threads": 10,
        "master.worker-group-refresh-interval": "10s",
        "worker.groups": "default",
        "alert.wait-timeout": 0,
        **_load_3_1(),
        gateway + "enabled": True,
        gateway + "gateway-server-address": LOOPBACK,
        gateway + "gateway-server-port": given.ports["real_gateway"],
        gateway + "python-address": LOOPBACK,
        gateway + "python-port": given.ports["callback"],
        gateway + "connect-timeout": 0,
        gateway + "read-timeout": 0,
    }


def _of_release(source: Source, given: Given) -> dict[str, object]:
    """What Spring reads of a release, over its own application.yaml."""
    gateway = "api.python-gateway." if source.is_3_2 else "python-gateway."
    return {
        **(_load_3_2() if source.is_3_2 else _load_3_1()),
        gateway + "enabled": True,
        **({} if source.needs_translation else {gateway + "auth-token": given.token}),  # 3.1.1 refuses the key
        gateway + "gateway-server-address": LOOPBACK,
        gateway + "gateway-server-port": given.ports["real_gateway" if source.needs_translation else "gateway"],
        gateway + "python-address": LOOPBACK,
        gateway + "python-port": given.ports["callback"],
    }


def _load_3_1() -> dict[str, object]:
    """A busy machine is no reason to leave a run waiting; heartbeats that a user need not wait for."""
    values: dict[str, object] = {"worker.tenant-auto-create": True}
    for who in ("master", "worker"):
        values |= {
            f"{who}.heartbeat-interval": "2s",
            f"{who}.max-cpu-load-avg": 100000,
            f"{who}.reserved-memory": 0.01,
        }
    return values


def _load_3_2() -> dict[str, object]:
    values: dict[str, object] = {"worker.tenant-config.auto-create-tenant-enabled": True}
    for who in ("master", "worker"):
        values |= {f"{who}.max-heartbeat-interval": "2s", f"{who}.server-load-protection.enabled": False}
    return values


def _storage(folder: Path, given: Given) -> dict[str, object]:
    """What common.properties says, of every version."""
    return {
        "data.basedir.path": folder / "data",
        "resource.storage.upload.base.path": folder / "storage",
        "datasource.encryption.enable": False,
        "sudo.enable": given.sudo,
        "alert.rpc.port": given.ports["alert"],
        "dolphinscheduler.env.path": folder / "conf" / "task_env.sh",  # 3.1
        "shell.env_source_list": folder / "conf" / "task_env.sh",  # 3.2
    }


def _hadoop() -> dict[str, object]:
    """3.1 keeps resources through Hadoop's client, on the file system of the machine."""
    return {
        "resource.storage.type": "HDFS",
        "resource.hdfs.root.user": "root",
        "resource.hdfs.fs.defaultFS": "file:///",
        "hadoop.security.authentication.startup.state": False,
    }


def _local(source: Source) -> dict[str, object]:
    return {"resource.storage.type": "LOCAL"} if source.is_3_2 else _hadoop()


def _write_environment(path: Path, python: str) -> None:
    """What a task's shell reads first."""
    values = {
        "PYTHON_HOME": python,  # 3.1
        "PYTHON_LAUNCHER": python,  # 3.2
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
    }
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items()))
    path.chmod(0o755)


def _link(place: Path, target: Path) -> None:
    """The page's files, which the server looks for in the folder that it runs in."""
    if place.is_symlink():
        place.unlink()
    if target.is_dir():
        place.symlink_to(target, target_is_directory=True)
