import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.dolphinscheduler.api.validator.GlobalParamsValidator;
import org.apache.dolphinscheduler.common.enums.CommandType;
import org.apache.dolphinscheduler.common.utils.JSONUtils;
import org.apache.dolphinscheduler.dao.entity.TaskInstance;
import org.apache.dolphinscheduler.dao.entity.WorkflowInstance;
import org.apache.dolphinscheduler.dao.mapper.ProjectParameterMapper;
import org.apache.dolphinscheduler.plugin.task.api.TaskExecutionContext;
import org.apache.dolphinscheduler.plugin.task.api.model.Property;
import org.apache.dolphinscheduler.plugin.task.api.parameters.SwitchParameters;
import org.apache.dolphinscheduler.server.master.engine.executor.plugin.switchtask.SwitchLogicTask;
import org.apache.dolphinscheduler.server.master.engine.workflow.execution.IWorkflowExecution;
import org.apache.dolphinscheduler.server.master.utils.SwitchTaskUtils;
import org.apache.dolphinscheduler.service.expand.CuringParamsServiceImpl;

/** Reads one question a line, and writes what the classes of 3.4 make of it. */
public class Asker {
    static final ObjectMapper JSON = new ObjectMapper();
    static final CuringParamsServiceImpl PARAMS = new CuringParamsServiceImpl();
    static sun.misc.Unsafe unsafe;

    /** What Spring would put in: a project without parameters. */
    static void prepare() throws Exception {
        Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        unsafe = (sun.misc.Unsafe) field.get(null);
        put(PARAMS, CuringParamsServiceImpl.class, "projectParameterMapper", nothing(ProjectParameterMapper.class, List.of()));
    }

    static void put(Object target, Class<?> type, String name, Object value) throws Exception {
        unsafe.putObject(target, unsafe.objectFieldOffset(type.getDeclaredField(name)), value);
    }

    static <T> T nothing(Class<T> type, Object answer) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, args) -> answer));
    }

    static Map<String, Property> named(JsonNode properties) {
        Map<String, Property> found = new LinkedHashMap<>();
        for (Property p : JSONUtils.toList(properties.toString(), Property.class)) found.put(p.getProp(), p);
        return found;
    }

    /** A text with what a task sees by name; null where the task fails on it. */
    static String filled(JsonNode c) throws Exception {
        WorkflowInstance run = new WorkflowInstance();
        run.setId(1);
        run.setProjectCode(1L);
        run.setWorkflowDefinitionCode(1L);
        run.setCommandType(CommandType.START_PROCESS);
        run.setGlobalParams(c.get("globals").toString());
        ObjectNode command = JSON.createObjectNode();
        command.put("commandType", "START_PROCESS").put("timeZone", "UTC").set("commandParams", c.get("start"));
        run.setCommandParam(command.toString());
        TaskInstance task = new TaskInstance();
        task.setId(1);
        task.setName("reader");
        task.setTaskCode(1);
        task.setWorkflowInstanceId(1);
        task.setProjectCode(1L);
        task.setVarPool(c.get("outputs").toString());
        SwitchParameters parameters = new SwitchParameters(); // what all kinds of tasks have in common is all that is read
        parameters.setLocalParams(JSONUtils.toList(c.get("own").toString(), Property.class));
        try {
            return PARAMS.convertParameterPlaceholders(
                    c.get("text").asText(), PARAMS.paramParsingPreparation(task, parameters, run, "project", "workflow"));
        } catch (IllegalArgumentException error) {
            return null;
        }
    }

    /** The text of a condition, and whether a switch goes on with its branch (1) or the default one (2). */
    static ArrayNode decided(JsonNode c) throws Exception {
        ArrayNode answer = JSON.createArrayNode();
        try {
            answer.add(SwitchTaskUtils.generateContentWithTaskParams(
                    c.get("condition").asText(), named(c.get("globals")), named(c.get("outputs"))));
        } catch (NumberFormatException error) {
            answer.addNull();
        }
        ObjectNode result = JSON.createObjectNode();
        result.put("nextNode", 2L).putArray("dependTaskList").addObject()
                .put("condition", c.get("condition").asText()).put("nextNode", 1L);
        ObjectNode described = JSON.createObjectNode();
        described.set("switchResult", result);
        SwitchParameters parameters =
                JSONUtils.parseObject(described.toString(), new TypeReference<SwitchParameters>() {});
        TaskExecutionContext context = new TaskExecutionContext();
        context.setPrepareParamsMap(named(c.get("globals")));
        TaskInstance task = new TaskInstance();
        task.setVarPool(c.get("outputs").toString());
        SwitchLogicTask logic = (SwitchLogicTask) unsafe.allocateInstance(SwitchLogicTask.class);
        put(logic, SwitchLogicTask.class.getSuperclass(), "taskParameters", parameters);
        put(logic, SwitchLogicTask.class.getSuperclass(), "taskExecutionContext", context);
        put(logic, SwitchLogicTask.class, "taskInstance", task);
        put(logic, SwitchLogicTask.class, "workflowExecution", nothing(IWorkflowExecution.class, null));
        Method calculate = SwitchLogicTask.class.getDeclaredMethod("calculateSwitchBranch");
        calculate.setAccessible(true);
        calculate.invoke(logic);
        answer.add(parameters.getNextBranch() == 1L ? "takes" : "passes");
        return answer;
    }

    /** Whether the API takes the parameters of a workflow; the message where it does not. */
    static String checked(JsonNode c) {
        try {
            new GlobalParamsValidator().validate(c.get("globals").toString());
            return "";
        } catch (IllegalArgumentException error) {
            return error.getMessage();
        }
    }

    public static void main(String[] args) throws Exception {
        ((ch.qos.logback.classic.Logger) org.slf4j.LoggerFactory.getLogger("ROOT"))
            .setLevel(ch.qos.logback.classic.Level.OFF);
        prepare();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode c = JSON.readTree(line);
            Object answer = c.has("condition") ? decided(c) : c.has("text") ? filled(c) : checked(c);
            out.println(JSON.writeValueAsString(answer));
        }
        System.exit(0);
    }
}
