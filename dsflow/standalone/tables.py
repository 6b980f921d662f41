"""The tables of the server's H2 database, made from the entity classes in DolphinScheduler's published jars.

The jars on Maven Central hold no SQL. They do hold the classes through which MyBatis-Plus reads and writes the tables:
the annotation TableName names a table, each field is a column. What the classes do not say (defaults, uniqueness,
columns that only an SQL text of a mapper names) stands here, for 3.1.1.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from dsflow.standalone.classfile import ENUM, STATIC, TRANSIENT, ClassFile, read_class

Columns = dict[str, tuple[str, bool]]
"""For each column, its type and whether it is the key."""

_ANNOTATION = "Lcom/baomidou/mybatisplus/annotation/{};"
_NAME, _FIELD, _ID, _ENUM_VALUE = (_ANNOTATION.format(n) for n in ("TableName", "TableField", "TableId", "EnumValue"))
_TYPES = {
    "I": "int",
    "Ljava/lang/Integer;": "int",
    "S": "int",
    "J": "bigint",
    "Ljava/lang/Long;": "bigint",
    "Z": "boolean",
    "Ljava/lang/Boolean;": "boolean",
    "D": "double",
    "Ljava/lang/Double;": "double",
    "F": "double",
    "Ljava/lang/Float;": "double",
    "Ljava/util/Date;": "timestamp",
    "Ljava/lang/String;": "varchar",
}

# for each default, the columns that have it: of every table, or TABLE.COLUMN
_DEFAULTS = {
    "CURRENT_TIMESTAMP": "create_time update_time t_ds_audit_log.time",
    "-1": "cpu_quota environment_code memory_max tenant_id t_ds_task_group_queue.status",
    "0": "alert_status delay_time dry_run execution_type failure_strategy force_start in_queue is_sub_process"
    " max_try_times next_process_instance_id priority process_definition_version process_instance_id project_code"
    " retry_times send_status task_execute_type task_group_priority timeout timeout_flag use_size warning_type",
    "1": "flag perm t_ds_task_group.status t_ds_user.state",
    "2": "process_instance_priority task_priority t_ds_alert.warning_type",
    "''": "environment_config t_ds_schedules.worker_group t_ds_alert.sign",
}
_MORE = {
    "t_ds_version": {"id": "int", "version": "varchar"},
    "t_ds_process_definition": {"warning_group_id": "int"},
    "t_ds_process_definition_log": {"warning_group_id": "int"},
    "t_ds_process_instance": {"flag": "int", "update_time": "timestamp"},
    "t_ds_error_command": {"process_instance_id": "int", "process_definition_version": "int"},
    "t_ds_project": {"flag": "int"},
}
_UNIQUE = (
    ("t_ds_alertgroup", "group_name"),
    ("t_ds_alert_send_status", "alert_id, alert_plugin_instance_id"),
    ("t_ds_cluster", "name"),
    ("t_ds_datasource", "name, type"),
    ("t_ds_environment", "name"),
    ("t_ds_environment", "code"),
    ("t_ds_k8s_namespace", "namespace, cluster_code"),
    ("t_ds_environment_worker_group_relation", "environment_code, worker_group"),
    ("t_ds_plugin_define", "plugin_name, plugin_type"),
    ("t_ds_process_definition", "name, project_code"),
    ("t_ds_process_definition", "code"),
    ("t_ds_process_definition_log", "code, version"),
    ("t_ds_project", "name"),
    ("t_ds_project", "code"),
    ("t_ds_queue", "queue_name"),
    ("t_ds_relation_project_user", "user_id, project_id"),
    ("t_ds_resources", "full_name, type"),
    ("t_ds_tenant", "tenant_code"),
    ("t_ds_user", "user_name"),
    ("t_ds_worker_group", "name"),
)


def schema(version: str, jars: Sequence[Path], user: str, password: str) -> str:
    """The SQL that makes the tables and fills in what a fresh server holds.

    Args:
        jars: those that hold the entity classes.
        user: the administrator's name, without a quote in it.
        password: the administrator's; the server stores its MD5.
    """
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    statements = [
        *_create(jars),
        *(f"ALTER TABLE {table} ADD UNIQUE ({columns});" for table, columns in _UNIQUE),
        f"INSERT INTO t_ds_version (version) VALUES ('{version}');",
        "INSERT INTO t_ds_queue (queue_name, queue) VALUES ('default', 'default');",
        "INSERT INTO t_ds_alertgroup (group_name, alert_instance_ids, create_user_id)"
        " VALUES ('default admin warning group', '', 1);",
        "INSERT INTO t_ds_user (user_name, user_password, user_type, email, tenant_id, state)"
        f" VALUES ('{user}', '{digest}', 0, '{user}@example.com', 0, 1);",
    ]
    return "\n".join(statements) + "\n"


def _create(jars: Sequence[Path]) -> Iterator[str]:
    defaults = {column: value for value, columns in _DEFAULTS.items() for column in columns.split()}
    with _Entities(jars) as entities:
        tables = entities.tables()
    for table, more in _MORE.items():
        tables.setdefault(table, {}).update({column: (kind, column == "id") for column, kind in more.items()})
    for table, columns in sorted(tables.items()):
        lines = []
        for column, (kind, is_key) in columns.items():
            line = f"  `{column}` {kind}"
            default = defaults.get(f"{table}.{column}", defaults.get(column))
            if is_key:
                line += f" NOT NULL{'' if kind == 'varchar' else ' AUTO_INCREMENT'} PRIMARY KEY"
            elif default is not None:
                line += f" DEFAULT {default}"
            lines.append(line)
        yield f"CREATE TABLE {table} (\n" + ",\n".join(lines) + "\n);"


class _Entities:
    """The entity classes in some jars."""

    def __init__(self, jars: Sequence[Path]) -> None:
        self._jars = jars
        self._open = ExitStack()
        self._where: dict[str, zipfile.ZipFile] = {}
        self._read: dict[str, ClassFile | None] = {}

    def __enter__(self) -> _Entities:
        for jar in self._jars:
            archive = self._open.enter_context(zipfile.ZipFile(jar))
            for name in archive.namelist():
                if name.endswith(".class"):
                    self._where.setdefault(name.removesuffix(".class"), archive)
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def tables(self) -> dict[str, Columns]:
        found: dict[str, Columns] = {}
        for name in sorted(self._where):
            cls = self._load(name) if "/dao/" in name else None
            table = cls.annotations.get(_NAME, {}).get("value") if cls else None
            if cls and table:
                columns = found.setdefault(table.strip("`"), {})
                columns.update({column: (kind, is_key) for column, kind, is_key in self._columns(cls)})
        return found

    def _load(self, name: str) -> ClassFile | None:
        if name not in self._read:
            archive = self._where.get(name)
            self._read[name] = read_class(archive.read(name + ".class")) if archive else None
        return self._read[name]

    def _columns(self, cls: ClassFile) -> Iterator[tuple[str, str, bool]]:
        """The columns of a class and of those that it extends: the name, the type, whether it is the key."""
        parent = self._load(cls.parent) if cls.parent else None
        if parent:
            yield from self._columns(parent)
        for field in cls.fields:
            about = field.annotations.get(_FIELD, {})
            if field.flags & (STATIC | TRANSIENT) or about.get("exist") == 0:
                continue
            kind = self._sql_type(field.descriptor)
            if kind:
                column = field.annotations.get(_ID, {}).get("value") or about.get("value") or _snake(field.name)
                yield column.strip("`"), kind, _ID in field.annotations or field.name == "id"

    def _sql_type(self, descriptor: str) -> str | None:
        """The type of a field's column; None when the field is no column."""
        if descriptor in _TYPES:
            return _TYPES[descriptor]
        cls = self._load(descriptor[1:-1]) if descriptor.startswith("L") else None
        if cls is None or not cls.flags & ENUM:
            return None
        stored = [field.descriptor for field in cls.fields if _ENUM_VALUE in field.annotations]
        return _TYPES[stored[0]] if stored else "varchar"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
