#!/usr/bin/env bash
# py4j makes an Integer of a Python int that fits into 32 bits, and a Long of a greater one, wherever an Object is asked
# for. In Java no Integer equals a Long: a List or Map of Longs whose items come back as equal Python ints says that it
# holds none of them, unless they are great enough. So numbers of projects or workflows (Longs in DolphinScheduler) are
# found when they are of 13 digits, and not in a test that uses small ones.
#
# Seen with py4j 0.10.9.9 on Python 3.11 and Java 17, a List of two Longs:
#   1, 2: equal items True, 2 in longs False, position -1
#   2147483648, 2147483649: equal items True, 2147483649 in longs True, position 1
# Needs Python 3 with pip and Java 8 or later. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile py4j==0.10.9.9
cat > ask.py <<'PY'
import sys

from py4j.java_gateway import JavaGateway

gateway = JavaGateway.launch_gateway(die_on_exit=True)
stream = gateway.jvm.java.util.stream
seen = []
for first in (1, 2**31):
    longs = stream.LongStream.rangeClosed(first, first + 1).boxed().collect(stream.Collectors.toList())
    same, holds, position = list(longs) == [first, first + 1], first + 1 in longs, longs.indexOf(first + 1)
    print(f"{first}, {first + 1}: equal items {same}, {first + 1} in longs {holds}, position {position}")
    seen.append((same, holds, position))
gateway.shutdown()
sys.exit(0 if seen == [(True, False, -1), (True, True, 1)] else 1)
PY
env/bin/python ask.py
