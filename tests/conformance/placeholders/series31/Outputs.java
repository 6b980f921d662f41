import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.dolphinscheduler.plugin.task.api.AbstractCommandExecutor;
import org.apache.dolphinscheduler.plugin.task.api.TaskExecutionContext;
import org.apache.dolphinscheduler.plugin.task.api.parameters.AbstractParameters;

/** 3.1 has no parser of its own: the executor reads the outputs of a process. */
class Outputs extends AbstractCommandExecutor {
  private Outputs(TaskExecutionContext context) {
    super(lines -> {}, context, org.slf4j.LoggerFactory.getLogger(Outputs.class));
  }

  static void read(AbstractParameters parameters, String written) throws Exception {
    Path file = Files.createTempFile("outputs", ".txt");
    Files.writeString(file, written);
    TaskExecutionContext context = new TaskExecutionContext();
    context.setTaskLogName("recorder");
    Outputs executor = new Outputs(context);
    Method parse = AbstractCommandExecutor.class.getDeclaredMethod("parseProcessOutput", Process.class);
    parse.setAccessible(true);
    parse.invoke(executor, new ProcessBuilder("cat", file.toString()).start());
    Field done = AbstractCommandExecutor.class.getDeclaredField("logOutputIsSuccess");
    done.setAccessible(true);
    while (!done.getBoolean(executor)) {
      Thread.sleep(1);
    }
    Files.delete(file);
    parameters.dealOutParam(executor.getVarPool());
  }

  @Override
  protected String buildCommandFilePath() {
    return "";
  }

  @Override
  protected void createCommandFileIfNotExists(String command, String file) {}

  @Override
  protected String commandInterpreter() {
    return "sh";
  }
}
