#!/usr/bin/env bash
# DolphinScheduler 3.1 loses parts of what a task hands on. A script sets an output by a line ${setValue(name=value)};
# AbstractParameters.dealOutParam reads it by getMapByString, which splits at every "=" and keeps the second piece: of
# model=/models/dt=2024-01-01/model.json the next tasks see /models/dt, and the task is green. The line's pattern,
# TaskConstants.SETVALUE_REGEX, ends at the first ")", so that call=f(x) is not found at all. Both are whole in 3.2.
#
# Seen with org.apache.dolphinscheduler:dolphinscheduler-task-api 3.1.4 (and 3.1.5 on a server) on Java 17. Needs a JDK
# and Maven.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for jar in org.apache.dolphinscheduler:dolphinscheduler-task-api:3.1.4 org.apache.dolphinscheduler:dolphinscheduler-common:3.1.3 \
  org.apache.commons:commons-lang3:3.12.0 org.apache.commons:commons-collections4:4.4 org.slf4j:slf4j-api:1.7.36; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$jar" -DoutputDirectory=jars >/dev/null
done

cat > Ask.java <<'JAVA'
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.dolphinscheduler.plugin.task.api.TaskConstants;
import org.apache.dolphinscheduler.plugin.task.api.parameters.AbstractParameters;

public class Ask {
  public static void main(String[] lines) {
    for (String line : lines) {
      Matcher found = Pattern.compile(TaskConstants.SETVALUE_REGEX).matcher(line);
      System.out.println(found.find() ? AbstractParameters.getMapByString(found.group(1) + "$VarPool$") : "nothing");
    }
  }
}
JAVA
javac -nowarn -cp 'jars/*' Ask.java
given=$(java -cp '.:jars/*' Ask '${setValue(rows=3)}' '${setValue(model=/models/dt=2024-01-01/model.json)}' \
  '${setValue(call=f(x))}' 2>/dev/null)
echo "$given"
[ "$given" = "$(printf '{rows=3}\n{model=/models/dt}\nnothing')" ]
echo "as described"
