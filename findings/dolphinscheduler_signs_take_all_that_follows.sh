#!/usr/bin/env bash
# DolphinScheduler's times can be shifted by sums: $[add_months(yyyyMMdd,-1+2)]. A minus at the beginning takes the whole
# sum: TimePlaceholderUtils.calculate makes -3 of "-1+2", not 1, so the result is the date three months back; "-1-1" is 0,
# since it is -(1-1). "2-1" and "3*(1-2)" come out right. The comment of the method that marks the signs has "-3+-6*(+8)"
# for an example.
#
# Seen with org.apache.dolphinscheduler:dolphinscheduler-task-api 3.1.4 on Java 17 (the method is the same in 3.2.2).
# Needs a JDK and Maven.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for jar in org.apache.dolphinscheduler:dolphinscheduler-task-api:3.1.4 org.apache.dolphinscheduler:dolphinscheduler-common:3.1.3 \
  org.apache.commons:commons-lang3:3.12.0 org.slf4j:slf4j-api:1.7.36; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$jar" -DoutputDirectory=jars >/dev/null
done

cat > Ask.java <<'JAVA'
import org.apache.dolphinscheduler.plugin.task.api.parser.TimePlaceholderUtils;

public class Ask {
  public static void main(String[] sums) {
    for (String sum : sums) {
      System.out.println(sum + " = " + TimePlaceholderUtils.calculate(sum));
    }
  }
}
JAVA
javac -nowarn -cp 'jars/*' Ask.java
given=$(java -cp '.:jars/*' Ask '2-1' '3*(1-2)' '-1+2' '-1-1' 2>/dev/null)
echo "$given"
[ "$given" = "$(printf '2-1 = 1\n3*(1-2) = -3\n-1+2 = -3\n-1-1 = 0')" ]
echo "as described"
