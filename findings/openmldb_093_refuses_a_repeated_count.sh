#!/usr/bin/env bash
# OpenMLDB 0.9.3's compiler refuses a query that 0.9.2's takes: the same count(*) (or count_where, avg_where, count of a
# text, a time, a computed value) twice over one window, in one SELECT. Once is taken; so is the second over another
# window of the same definition; so is sum() twice, and count() of a plain number column twice. What it says names none
# of that: "expr id node return type does not match binding expr".
#
# Seen with com.4paradigm.openmldb:openmldb-jdbc and openmldb-native 0.9.3, and with 0.9.2 of both, on Java 17,
# Linux x86-64. Needs a JDK and Maven; the two native jars are about 400 MB to load.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > Ask.java <<'JAVA'
import com._4paradigm.openmldb.sdk.Column;
import com._4paradigm.openmldb.sdk.Schema;
import com._4paradigm.openmldb.sdk.impl.SqlClusterExecutor;
import java.sql.Types;
import java.util.List;
import java.util.Map;

public class Ask {
  public static void main(String[] items) throws Exception {
    Schema schema = new Schema(List.of(new Column("k", Types.VARCHAR), new Column("o", Types.TIMESTAMP), new Column("i", Types.INTEGER)));
    String frame = " AS (PARTITION BY k ORDER BY o ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)";
    for (String select : items) {
      String sql = "SELECT " + select + " FROM t WINDOW w" + frame + ", v" + frame;
      List<String> refusal = SqlClusterExecutor.validateSQLInRequest(sql, "db", Map.of("db", Map.of("t", schema)));
      System.out.println("answer: " + (refusal.isEmpty() ? "taken" : refusal.get(0).split("\n")[0]));
    }
  }
}
JAVA

ask() {
  cat > pom.xml <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency><groupId>com.4paradigm.openmldb</groupId><artifactId>openmldb-jdbc</artifactId><version>$1</version></dependency></dependencies>
</project>
POM
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory="jars-$1" >/dev/null
  javac -proc:none -cp "jars-$1/*" -d "classes-$1" Ask.java
  java -cp "classes-$1:jars-$1/*" Ask \
    'count(*) OVER w AS a' \
    'count(*) OVER w AS a, count(*) OVER v AS b' \
    'sum(i) OVER w AS a, sum(i) OVER w AS b' \
    'count(i) OVER w AS a, count(i) OVER w AS b' \
    'count(*) OVER w AS a, count(*) OVER w AS b' 2>/dev/null | grep '^answer: '
}

taken=$(ask 0.9.2)
refused=$(ask 0.9.3)
printf '0.9.2\n%s\n0.9.3\n%s\n' "$taken" "$refused"
[ "$taken" = "$(printf 'answer: taken\n%.0s' 1 2 3 4 5)" ]
[ "$refused" = "$(printf 'answer: taken\n%.0s' 1 2 3 4; echo 'answer: expr id node return type does not match binding expr')" ]
echo "as described"
