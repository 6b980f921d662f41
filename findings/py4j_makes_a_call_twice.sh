#!/usr/bin/env bash
# py4j makes a call twice when its answer does not come: the client that loses the connection after the server has done
# what it was asked sends the same call once more over another one, and tells nobody. What is not done twice without harm (a
# row added, a workflow created or updated in DolphinScheduler's Python gateway) is done twice. Here one add() leaves two
# items, and says True. GatewayClient.send_command has an argument, retry, which is True; nothing that a user of
# JavaGateway is given sets it.
#
# Seen with py4j 0.10.9.9 from the index, against its own GatewayServer (the jar is in the wheel), on Python 3.11 and Java
# 17. The proxy between the two lets everything pass but one answer. Needs Python 3 and Java 8 or later.
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
lost = threading.Event()


def passing_on(client):
    server = socket.create_connection(("127.0.0.1", port))
    answers, questions = server.makefile("rb"), client.makefile("rb")
    while line := questions.readline():
        server.sendall(line)
        if line == b"e\n":
            answer = answers.readline()
            if lost.is_set():
                lost.clear()
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(answer)


listener = socket.create_server(("127.0.0.1", 0))


def accepting():
    while True:
        threading.Thread(target=passing_on, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accepting, daemon=True).start()
gateway = JavaGateway(gateway_parameters=GatewayParameters(port=listener.getsockname()[1]))
items = gateway.jvm.java.util.ArrayList()
print("add:", items.add("one"))
lost.set()
print("add, whose answer is lost:", items.add("two"))
print("items:", items.toString())
PY

[ "$(cat "$folder/said")" = 'add: True
add, whose answer is lost: True
items: [one, two, two]' ]
echo "as described"
