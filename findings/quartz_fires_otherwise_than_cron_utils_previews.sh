#!/usr/bin/env bash
# Quartz takes cron expressions of which it then looks at a part only: a step after names (MON-FRI/2 is every weekday), a
# list with W (1W,15W is 1W) or with # (MON#2,WED is the second Monday). cron-utils, whose parser for CronType.QUARTZ is
# meant to read the same texts, looks at the step and at both days (in the list with W at the days alone, not at W); it
# reads the hours 22-2 as 22 alone, Quartz as 22 to 2; and in New York it gives 0 30 1 the first time in the hour that
# comes twice, Quartz the second. Programs that fire by the one and preview by the other (DolphinScheduler 3.1 and 3.2
# do) show runs that never come.
#
# Seen with org.quartz-scheduler:quartz 2.3.2 and com.cronutils:cron-utils 9.1.6 on Java 17. Needs a JDK and Maven.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > Compare.java <<'JAVA'
import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.TimeZone;
import org.quartz.CronExpression;

public class Compare {
  public static void main(String[] expressions) throws Exception {
    ZoneId zone = ZoneId.of("America/New_York");
    CronParser parser = new CronParser(CronDefinitionBuilder.instanceDefinitionFor(CronType.QUARTZ));
    for (String text : expressions) {
      CronExpression quartz = new CronExpression(text);
      quartz.setTimeZone(TimeZone.getTimeZone(zone));
      ExecutionTime utils = ExecutionTime.forCron(parser.parse(text));
      ZonedDateTime one = ZonedDateTime.of(2026, 10, 31, 12, 0, 0, 0, zone);
      ZonedDateTime two = one;
      StringBuilder fires = new StringBuilder();
      StringBuilder shown = new StringBuilder();
      for (int i = 0; i < 3; i++) {
        one = quartz.getNextValidTimeAfter(Date.from(one.toInstant())).toInstant().atZone(zone);
        two = utils.nextExecution(two).get();
        fires.append(' ').append(one.toOffsetDateTime());
        shown.append(' ').append(two.toOffsetDateTime());
      }
      System.out.println(text + " | Quartz" + fires + " | cron-utils" + shown);
    }
  }
}
JAVA

cat > pom.xml <<'POM'
<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.quartz-scheduler</groupId><artifactId>quartz</artifactId><version>2.3.2</version></dependency>
<dependency><groupId>com.cronutils</groupId><artifactId>cron-utils</artifactId><version>9.1.6</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies>
</project>
POM
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=jars >/dev/null
javac -proc:none -cp "jars/*" Compare.java
java -cp ".:jars/*" Compare \
  '0 0 9 ? * MON-FRI/2' '0 0 9 1W,15W * ?' '0 0 9 ? * MON#2,WED' '0 0 22-2 ? * TUE' '0 30 1 * * ?' \
  '0 0 9 ? * MON-FRI' 2>/dev/null | tee said

cat > expected <<'TEXT'
0 0 9 ? * MON-FRI/2 | Quartz 2026-11-02T09:00-05:00 2026-11-03T09:00-05:00 2026-11-04T09:00-05:00 | cron-utils 2026-11-02T09:00-05:00 2026-11-04T09:00-05:00 2026-11-06T09:00-05:00
0 0 9 1W,15W * ? | Quartz 2026-11-02T09:00-05:00 2026-12-01T09:00-05:00 2027-01-01T09:00-05:00 | cron-utils 2026-11-01T09:00-05:00 2026-11-15T09:00-05:00 2026-12-01T09:00-05:00
0 0 9 ? * MON#2,WED | Quartz 2026-11-09T09:00-05:00 2026-12-14T09:00-05:00 2027-01-11T09:00-05:00 | cron-utils 2026-11-04T09:00-05:00 2026-11-09T09:00-05:00 2026-11-11T09:00-05:00
0 0 22-2 ? * TUE | Quartz 2026-11-03T00:00-05:00 2026-11-03T01:00-05:00 2026-11-03T02:00-05:00 | cron-utils 2026-11-03T22:00-05:00 2026-11-10T22:00-05:00 2026-11-17T22:00-05:00
0 30 1 * * ? | Quartz 2026-11-01T01:30-05:00 2026-11-02T01:30-05:00 2026-11-03T01:30-05:00 | cron-utils 2026-11-01T01:30-04:00 2026-11-02T01:30-05:00 2026-11-03T01:30-05:00
0 0 9 ? * MON-FRI | Quartz 2026-11-02T09:00-05:00 2026-11-03T09:00-05:00 2026-11-04T09:00-05:00 | cron-utils 2026-11-02T09:00-05:00 2026-11-03T09:00-05:00 2026-11-04T09:00-05:00
TEXT
cmp expected said
echo "as described"
