"""Make the list of a server's jars again: what Maven resolves, in the order of the class path, with their SHA-256.

    python tools/lock_jars.py 3.1.1

reads tools/dolphinscheduler-3.1.1.pom.xml and writes dsflow/standalone/maven/3.1.1.lock.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from dsflow.standalone.jars import DATA, PLUGIN

HEAD = "# group:artifact:version sha256, in the order of the class path; made by tools/lock_jars.py"


def main() -> None:
    """The program."""
    (version,) = sys.argv[1:]
    pom = Path(__file__).with_name(f"dolphinscheduler-{version}.pom.xml")
    with tempfile.TemporaryDirectory() as place:
        listing, repository = Path(place, "class-path"), Path(place, "repository")
        options = [f"-Dmdep.outputFile={listing}", f"-Dmaven.repo.local={repository}"]
        subprocess.run(["mvn", "-B", "-q", "-f", str(pom), f"{PLUGIN}:build-classpath", *options], check=True)
        lines = []
        for path in map(Path, listing.read_text().strip().split(":")):
            *group, artifact, number, _ = path.relative_to(repository).parts
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f"{'.'.join(group)}:{artifact}:{number} {digest}")
    (DATA / f"{version}.lock").write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    print(f"{len(lines)} jars")


if __name__ == "__main__":
    main()
