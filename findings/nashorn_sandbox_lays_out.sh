#!/bin/bash
# delight-nashorn-sandbox 0.3.2 with nashorn-core 15.4 (what evaluates the conditions of a SWITCH in DolphinScheduler
# 3.2.2) lets js-beautify lay a script out anew, line ends included, before it is read. A text that is no JavaScript can
# so become several statements, of which the last one counts; and a prefix of its own makes an empty text true.
#
# Seen:  script            Nashorn        sandbox
#        "5" 5 > 1         SyntaxError    true
#        "A" "A" == "A"    SyntaxError    true
#        (empty)           null           true
#        5 > 1             true           true
#
# Needs Java 11 or later and Maven. Ends with 1 when the answers are others.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat > pom.xml <<'POM'
<project><modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.openjdk.nashorn</groupId><artifactId>nashorn-core</artifactId><version>15.4</version></dependency>
<dependency><groupId>org.javadelight</groupId><artifactId>delight-nashorn-sandbox</artifactId><version>0.3.2</version></dependency>
</dependencies></project>
POM
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
cat > Finding.java <<'JAVA'
import delight.nashornsandbox.NashornSandboxes;
import javax.script.ScriptEngineManager;

public class Finding {
    interface Engine { Object eval(String text) throws Exception; }

    static String answer(Engine engine, String text) {
        try {
            return String.valueOf(engine.eval(text));
        } catch (Throwable error) {
            return "error";
        }
    }

    public static void main(String[] args) {
        String[][] wanted = {
            {"\"5\" 5 > 1", "error", "true"}, {"\"A\" \"A\" == \"A\"", "error", "true"}, {"", "null", "true"}, {"5 > 1", "true", "true"},
        };
        boolean same = true;
        for (String[] row : wanted) {
            String plain = answer(new ScriptEngineManager().getEngineByName("nashorn")::eval, row[0]);
            String sandbox = answer(NashornSandboxes.create()::eval, row[0]);
            System.out.printf("%-18s %-8s %s%n", row[0], plain, sandbox);
            same &= plain.equals(row[1]) && sandbox.equals(row[2]);
        }
        System.exit(same ? 0 : 1);
    }
}
JAVA
java -cp 'lib/*' Finding.java 2> /dev/null
