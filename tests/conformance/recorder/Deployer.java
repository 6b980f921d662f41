import com._4paradigm.hybridse.base.BaseStatus;
import com._4paradigm.hybridse.type.TypeOuterClass.ColumnDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Database;
import com._4paradigm.hybridse.type.TypeOuterClass.IndexDef;
import com._4paradigm.hybridse.type.TypeOuterClass.TableDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Type;
import com._4paradigm.hybridse.vm.BatchRunSession;
import com._4paradigm.hybridse.vm.Engine;
import com._4paradigm.hybridse.vm.EngineOptions;
import com._4paradigm.hybridse.vm.RequestRunSession;
import com._4paradigm.hybridse.vm.RunSession;
import com._4paradigm.hybridse.vm.SimpleCatalog;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Compiles queries as a cluster's tablet does, one question a line; see record.py for the questions.
 *
 * <p>The only argument is the native library (libsql_jsdk.so).
 */
public class Deployer {
  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    System.load(arguments[0]);
    Engine.InitializeGlobalLLVM();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(line.split("\t", -1)));
    }
  }

  /** Parts: the mode, the database, the query in hexadecimal, then one part a table. */
  private static String answer(String[] parts) {
    Database.Builder database = Database.newBuilder().setName(parts[1]);
    for (String table : Arrays.copyOfRange(parts, 3, parts.length)) {
      database.addTables(table(parts[1], table));
    }
    SimpleCatalog catalog = new SimpleCatalog(true);
    catalog.AddDatabase(database.build());
    EngineOptions options = new EngineOptions();
    options.SetClusterOptimized(true);
    options.SetBatchRequestOptimized(true);
    Engine engine = new Engine(catalog, options);
    RunSession session = parts[0].equals("request") ? new RequestRunSession() : new BatchRunSession();
    BaseStatus status = new BaseStatus();
    String sql = new String(HexFormat.of().parseHex(parts[2]), StandardCharsets.UTF_8);
    boolean compiled = engine.Get(sql, parts[1], session, status);
    String message = compiled ? "ok" : status.getMsg().lines().findFirst().orElse("refused");
    engine.delete();
    session.delete();
    catalog.delete();
    return message.replace('\t', ' ');
  }

  /** A table as {@code name;column type,...;key|key,ts;...}: an index a part, its last word the time, maybe empty. */
  private static TableDef table(String database, String text) {
    String[] parts = text.split(";");
    TableDef.Builder table = TableDef.newBuilder().setName(parts[0]).setCatalog(database);
    for (String column : parts[1].split(",")) {
      String[] words = column.split(" ");
      table.addColumns(ColumnDef.newBuilder().setName(words[0]).setType(type(words[1])));
    }
    for (int i = 2; i < parts.length; i++) {
      String[] words = parts[i].split(",", -1);
      IndexDef.Builder index = IndexDef.newBuilder().setName("INDEX_" + i);
      index.addAllFirstKeys(Arrays.asList(words[0].split("\\|"))).setSecondKey(words[1]);
      table.addIndexes(index);
    }
    return table.build();
  }

  private static Type type(String word) {
    switch (word) {
      case "bool": return Type.kBool;
      case "smallint": return Type.kInt16;
      case "int": return Type.kInt32;
      case "bigint": return Type.kInt64;
      case "float": return Type.kFloat;
      case "double": return Type.kDouble;
      case "string": return Type.kVarchar;
      case "timestamp": return Type.kTimestamp;
      case "date": return Type.kDate;
      default: throw new IllegalArgumentException(word);
    }
  }
}
