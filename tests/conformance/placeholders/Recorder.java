import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dolphinscheduler.plugin.task.api.enums.DataType;
import org.apache.dolphinscheduler.plugin.task.api.enums.Direct;
import org.apache.dolphinscheduler.plugin.task.api.model.Property;
import org.apache.dolphinscheduler.plugin.task.api.parameters.AbstractParameters;

/**
 * Asks DolphinScheduler's own classes, one question a line; see record.py for the questions.
 *
 * <p>A question is a word and texts, separated by tabs, each text in hexadecimal UTF-8. FILL text name value ... fills
 * the values into a text; OUTPUTS text name ... reads what a script wrote. Answers: OK and texts, or ERROR. Outputs, the
 * part that differs, is in a folder for each series.
 */
public class Recorder {
  private static final String API = "org.apache.dolphinscheduler.plugin.task.api.";

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    Method fill = fill();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] parts = line.split("\t", -1);
      for (int i = 1; i < parts.length; i++) {
        parts[i] = new String(HexFormat.of().parseHex(parts[i]), StandardCharsets.UTF_8);
      }
      List<String> answer = new ArrayList<>();
      try {
        if (parts[0].equals("FILL")) {
          Map<String, String> values = new HashMap<>();
          for (int i = 2; i < parts.length; i += 2) {
            values.put(parts[i], parts[i + 1]);
          }
          answer.add((String) fill.invoke(null, parts[1], values));
        } else {
          outputs(parts).forEach((name, value) -> answer.addAll(List.of(name, value)));
        }
        out.println("OK" + joined(answer));
      } catch (InvocationTargetException | RuntimeException error) {
        out.println("ERROR");
      }
    }
    System.exit(0); // threads of the executor's are left
  }

  private static String joined(List<String> texts) {
    StringBuilder found = new StringBuilder();
    texts.forEach(t -> found.append('\t').append(HexFormat.of().formatHex(t.getBytes(StandardCharsets.UTF_8))));
    return found.toString();
  }

  private static Method fill() throws ReflectiveOperationException {
    Class<?> utils;
    try {
      utils = Class.forName(API + "parser.ParameterUtils"); // 3.1
    } catch (ClassNotFoundException error) {
      utils = Class.forName(API + "utils.ParameterUtils");
    }
    return utils.getMethod("convertParameterPlaceholders", String.class, Map.class);
  }

  /** What a task with these OUT parameters hands on when a script wrote this. */
  private static Map<String, String> outputs(String[] parts) throws Exception {
    AbstractParameters parameters = new AbstractParameters() {
      @Override
      public boolean checkParameters() {
        return true;
      }
    };
    parameters.setVarPool("");
    List<Property> declared = new ArrayList<>();
    for (int i = 2; i < parts.length; i++) {
      declared.add(new Property(parts[i], Direct.OUT, DataType.VARCHAR, ""));
    }
    parameters.setLocalParams(declared);
    Outputs.read(parameters, parts[1]);
    Map<String, String> found = new TreeMap<>();
    for (Property property : parameters.getVarPool()) {
      found.put(property.getProp(), property.getValue());
    }
    return found;
  }
}
