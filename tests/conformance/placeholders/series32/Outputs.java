import java.util.stream.Collectors;
import org.apache.dolphinscheduler.plugin.task.api.parameters.AbstractParameters;
import org.apache.dolphinscheduler.plugin.task.api.parser.TaskOutputParameterParser;

/** 3.2 reads a process's outputs line by line. */
class Outputs {
  static void read(AbstractParameters parameters, String written) {
    TaskOutputParameterParser parser = new TaskOutputParameterParser();
    for (String line : written.lines().collect(Collectors.toList())) {
      parser.appendParseLog(line);
    }
    parameters.dealOutParam(parser.getTaskOutputParams());
  }
}
