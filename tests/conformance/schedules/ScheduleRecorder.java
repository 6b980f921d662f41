import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.TimeZone;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.quartz.CronExpression;

/**
 * Says when cron expressions fire, for Quartz and for cron-utils: one question a line, see record.py for the questions.
 *
 * <p>A question is the expression, a time zone, seconds since 1970 and how many times are wanted, with tabs between. The
 * answer is Quartz's times, a tab, and those of cron-utils, in seconds with blanks between; REFUSED where the expression
 * is not taken, ERROR where it is and asking for a time fails, LATE where no answer comes within a few seconds.
 */
public class ScheduleRecorder {
  private static final CronParser PARSER =
      new CronParser(CronDefinitionBuilder.instanceDefinitionFor(CronType.QUARTZ));
  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
          });

  private interface Times {
    List<Long> get() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] parts = line.split("\t", -1);
      String cron = parts[0];
      String zone = parts[1];
      long after = Long.parseLong(parts[2]);
      int count = Integer.parseInt(parts[3]);
      out.println(answer(() -> quartz(cron, zone, after, count)) + "\t" + answer(() -> cronUtils(cron, zone, after, count)));
    }
    System.exit(0);
  }

  private static String answer(Times times) throws Exception {
    Future<List<Long>> found = THREADS.submit(times::get);
    try {
      List<Long> seconds = found.get(5, TimeUnit.SECONDS);
      return seconds == null ? "REFUSED" : String.join(" ", seconds.stream().map(String::valueOf).toList());
    } catch (ExecutionException error) {
      return "ERROR";
    } catch (TimeoutException error) {
      found.cancel(true);
      return "LATE";
    }
  }

  private static List<Long> quartz(String cron, String zone, long after, int count) {
    CronExpression expression;
    try {
      expression = new CronExpression(cron);
    } catch (ParseException refused) {
      return null;
    }
    expression.setTimeZone(TimeZone.getTimeZone(zone));
    List<Long> found = new ArrayList<>();
    Date time = new Date(after * 1000);
    while (found.size() < count) {
      time = expression.getNextValidTimeAfter(time);
      if (time == null) {
        break;
      }
      found.add(time.getTime() / 1000);
    }
    return found;
  }

  private static List<Long> cronUtils(String cron, String zone, long after, int count) {
    ExecutionTime execution;
    try {
      execution = ExecutionTime.forCron(PARSER.parse(cron));
    } catch (IllegalArgumentException refused) {
      return null;
    }
    List<Long> found = new ArrayList<>();
    ZonedDateTime time = Instant.ofEpochSecond(after).atZone(ZoneId.of(zone));
    while (found.size() < count) {
      time = execution.nextExecution(time).orElse(null);
      if (time == null) {
        break;
      }
      found.add(time.toEpochSecond());
    }
    return found;
  }
}
