import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import delight.nashornsandbox.NashornSandbox;
import delight.nashornsandbox.NashornSandboxes;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineManager;

/** Reads one case a line, {"condition": text, "globals": [...], "outputs": [...]}, and writes what a switch makes of it. */
public class ConditionRecorder {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Pattern NAMES = Pattern.compile("['\"]*\\$\\{(.*?)\\}['\"]*");
    static Object processor;
    static Object instance;
    static Object task;
    static Method filler;

    /** 3.1: the class of the master itself, without the Spring that makes it. */
    static void prepare() throws Exception {
        Field f = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        f.setAccessible(true);
        sun.misc.Unsafe unsafe = (sun.misc.Unsafe) f.get(null);
        Class<?> type = Class.forName("org.apache.dolphinscheduler.server.master.runner.task.SwitchTaskProcessor");
        processor = unsafe.allocateInstance(type);
        instance = Class.forName("org.apache.dolphinscheduler.dao.entity.ProcessInstance").getConstructor().newInstance();
        task = Class.forName("org.apache.dolphinscheduler.dao.entity.TaskInstance").getConstructor().newInstance();
        put("processInstance", instance);
        put("taskInstance", task);
        put("logger", org.slf4j.helpers.NOPLogger.NOP_LOGGER);
        filler = type.getMethod("setTaskParams", String.class, String.class);
    }

    static void put(String name, Object value) throws Exception {
        Field field = processor.getClass().getSuperclass().getDeclaredField(name);
        field.setAccessible(true);
        field.set(processor, value);
    }

    static String filled31(JsonNode c) throws Exception {
        instance.getClass().getMethod("setGlobalParams", String.class).invoke(instance, c.get("globals").toString());
        task.getClass().getMethod("setVarPool", String.class).invoke(task, c.get("outputs").toString());
        return (String) filler.invoke(processor, c.get("condition").asText().replace('\'', '"'), NAMES.pattern());
    }

    /** 3.2: a number or a boolean by the type of its parameter, anything else between quotes; its class is in no repository. */
    static String filled32(JsonNode c) {
        Map<String, String> texts = new LinkedHashMap<>();
        for (JsonNode p : c.get("globals")) texts.put(p.get("prop").asText(), "\"" + p.get("value").asText() + "\"");
        Map<String, JsonNode> outputs = new LinkedHashMap<>();
        for (JsonNode p : c.get("outputs")) outputs.put(p.get("prop").asText(), p);
        String text = c.get("condition").asText().replace('\'', '"');
        Matcher found = NAMES.matcher(text);
        String result = text;
        while (found.find()) {
            String name = found.group(1);
            String value = outputs.containsKey(name) ? typed(outputs.get(name)) : texts.get(name);
            if (value != null) result = result.replace("${" + name + "}", value);
        }
        return result;
    }

    static String typed(JsonNode p) {
        String value = p.get("value").asText();
        switch (p.get("type").asText()) {
            case "INTEGER": return String.valueOf(Integer.valueOf(value));
            case "LONG": return String.valueOf(Long.valueOf(value));
            case "FLOAT": return String.valueOf(Float.valueOf(value));
            case "DOUBLE": return String.valueOf(Double.valueOf(value));
            case "BOOLEAN": return String.valueOf(Boolean.valueOf(value));
            default: return "\"" + value + "\"";
        }
    }

    interface Engine { Object eval(String text) throws Exception; }

    static String answer(Engine engine, String text) {
        try {
            Object value = engine.eval(text);
            return value instanceof Boolean ? value.toString() : "other";
        } catch (Throwable error) {
            return "error";
        }
    }

    public static void main(String[] args) throws Exception {
        ScriptEngine plain = new ScriptEngineManager().getEngineByName("js");
        if (args.length > 0) {
            System.out.println(plain.eval(args[0]));
            return;
        }
        // the sandbox logs every script to standard output
        ((ch.qos.logback.classic.Logger) org.slf4j.LoggerFactory.getLogger("ROOT"))
            .setLevel(ch.qos.logback.classic.Level.OFF);
        prepare();
        NashornSandbox sandbox = NashornSandboxes.create();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        java.io.PrintStream out = new java.io.PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode c = JSON.readTree(line);
            ObjectNode result = JSON.createObjectNode();
            ArrayNode first = result.putArray("3.1");
            String text = filled31(c);
            first.add(text);
            first.add(answer(plain::eval, text));
            ArrayNode second = result.putArray("3.2");
            try {
                text = filled32(c);
                second.add(text);
                second.add(answer(sandbox::eval, text));
            } catch (NumberFormatException error) {
                second.addNull();
                second.add("no number");
            }
            out.println(JSON.writeValueAsString(result));
        }
        System.exit(0);
    }
}
