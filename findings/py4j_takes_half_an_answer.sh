#!/usr/bin/env bash
# py4j takes the first half of an answer for the whole: when the connection ends within the line that holds a number, the
# caller gets a smaller number, and no error. Its protocol ends every answer with a line feed, so that the client could
# tell; it reads with readline(), which at the end of a connection gives what there is. Only an answer of which nothing came
# is an error. DolphinScheduler's Python gateway, for one, answers with the numbers of workflows in this way.
#
# Seen with py4j 0.10.9.9 from the index, against its own GatewayServer (the jar is in the wheel), on Python 3.11 and Java
# 17. The proxy between the two lets everything pass but the second half of one answer. Needs Python 3 and Java 8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check py4j==0.10.9.9

"$folder/venv/bin/python" - <<'PY' | tee "$folder/said"
import socket
import threading

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

port = launch_gateway(die_on_exit=True)
cut = threading.Event()


def passing_on(client):
    server = socket.create_connection(("127.0.0.1", port))
    answers, questions = server.makefile("rb"), client.makefile("rb")
    while line := questions.readline():
        server.sendall(line)
        if line == b"e\n":
            answer = answers.readline()
            if cut.is_set() and answer.startswith(b"!yL"):
                client.sendall(answer[: len(answer) // 2])
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(answer)


listener = socket.create_server(("127.0.0.1", 0))


def accepting():
    while True:
        threading.Thread(target=passing_on, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accepting, daemon=True).start()
gateway = JavaGateway(gateway_parameters=GatewayParameters(port=listener.getsockname()[1]))
longs = gateway.jvm.java.lang.Long
print("whole:", longs.parseLong("9000000000123"))
cut.set()
print("half: ", longs.parseLong("9000000000123"))
PY

[ "$(cat "$folder/said")" = 'whole: 9000000000123
half:  9000' ]
echo "as described"
