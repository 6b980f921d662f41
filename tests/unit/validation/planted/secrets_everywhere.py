"""Passwords and tokens in a parameter, a header, a script and SQL."""

from dsflow import Http, Param, Shell, Sql, Workflow

with Workflow(
    "w",
    project="p",
    params={
        "db_password": Param("s3cr3t-w0rd"),  # <- DSF207
        "user": "reader",
    },
) as wf:
    Shell(
        "dump",
        """
        export MYSQL_PWD=hunter2hunter2  # <- DSF207
        curl -sf -u admin:hunter2hunter2 https://example.com/ready  # <- DSF207
        mysqldump -u ${user} -p"${db_password}" shop > /tmp/shop.sql
        """,
    )
    Http(
        "notify",
        "GET",
        "https://example.com/hook",
        headers={"Authorization": "Bearer abcdefghijklmnopqrstuvwxyz"},  # <- DSF207
    )
    Http(
        "ping",
        "GET",
        "https://example.com/ping?channel=x&api_key=0123456789abcdef",  # <- DSF207
    )
    Sql(
        "grant",
        "warehouse",
        "CREATE USER reader OPTIONS(password='hunter2hunter2')",  # <- DSF207
    )
