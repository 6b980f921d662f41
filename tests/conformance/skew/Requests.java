import com._4paradigm.SWIGTYPE_p_std__shared_ptrT_hybridse__vm__CompileInfoCache_t;
import com._4paradigm.SWIGTYPE_p_std__shared_ptrT_hybridse__vm__TableHandler_t;
import com._4paradigm.SWIGTYPE_p_std__vectorT_hybridse__codec__Row_t;
import com._4paradigm.hybridse.base.BaseStatus;
import com._4paradigm.hybridse.codec.Row;
import com._4paradigm.hybridse.codec.RowBuilder;
import com._4paradigm.hybridse.codec.RowView;
import com._4paradigm.hybridse.type.TypeOuterClass.ColumnDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Database;
import com._4paradigm.hybridse.type.TypeOuterClass.IndexDef;
import com._4paradigm.hybridse.type.TypeOuterClass.TableDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Type;
import com._4paradigm.hybridse.vm.CoreAPI;
import com._4paradigm.hybridse.vm.Engine;
import com._4paradigm.hybridse.vm.EngineOptions;
import com._4paradigm.hybridse.vm.LocalTablet;
import com._4paradigm.hybridse.vm.RequestRunSession;
import com._4paradigm.hybridse.vm.SimpleCatalog;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import sun.misc.Unsafe;

/**
 * Answers request rows by OpenMLDB's own request runners, compiled as a cluster's tablet compiles, one question a line; see
 * record_skew.py.
 *
 * <p>Only the store of rows is another: the engine's own catalog in memory, in which the rows of a key are laid out newest
 * first, of equal times the one stored last first, as a tablet has them. The arguments are the native library
 * (libsql_jsdk.so, 0.9.2, Linux on x86-64) and the one that LocalTablets.c makes.
 */
public class Requests {
  private static final ObjectMapper json = new ObjectMapper();
  private static final JsonNodeFactory nodes = JsonNodeFactory.instance;
  private static final long ROW = 56; // sizeof(hybridse::codec::Row)
  private static Unsafe memory;
  private static long library;

  /** Takes the address of the library's path, in C's form, and gives the number of methods that were replaced. */
  static native int takeOver(long library);

  /** Takes the path's address, a table's address, and an index's name as {@link #oldString} makes it. */
  static native void sort(long library, long table, long name);

  static native void setTablet(long address);

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    System.load(arguments[1]);
    System.load(arguments[0]);
    Engine.InitializeGlobalLLVM();
    var field = Unsafe.class.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    memory = (Unsafe) field.get(null);
    byte[] path = (arguments[0] + "\0").getBytes(StandardCharsets.UTF_8);
    library = memory.allocateMemory(path.length);
    for (int i = 0; i < path.length; i++) {
      memory.putByte(library + i, path[i]);
    }
    if (takeOver(library) != 2) {
      throw new IllegalStateException("another library than openmldb-native 0.9.2's");
    }
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      ObjectNode answer;
      try {
        answer = ask(json.readTree(line));
      } catch (Refused refusal) {
        answer = json.createObjectNode().put("refused", refusal.getMessage());
      }
      out.println(json.writeValueAsString(answer));
    }
  }

  private static class Refused extends Exception {
    Refused(String message) {
      super(message);
    }
  }

  /** A table's rows in the order in which they came. */
  private static class Stored {
    final TableDef table;
    final List<JsonNode> rows = new ArrayList<>();

    Stored(JsonNode described, String db) {
      TableDef.Builder builder = TableDef.newBuilder().setName(described.get("name").asText()).setCatalog(db);
      for (JsonNode column : described.get("columns")) {
        builder.addColumns(
            ColumnDef.newBuilder().setName(column.get(0).asText()).setType(type(column.get(1).asText())));
      }
      int number = 0;
      for (JsonNode index : described.get("indexes")) {
        IndexDef.Builder made = IndexDef.newBuilder().setName("i" + number++);
        index.get("keys").forEach(key -> made.addFirstKeys(key.asText()));
        if (!index.get("ts").isNull()) {
          made.setSecondKey(index.get("ts").asText());
        }
        builder.addIndexes(made);
      }
      table = builder.build();
      described.get("rows").forEach(rows::add);
    }
  }

  private static ObjectNode ask(JsonNode question) throws Refused {
    String db = question.path("db").asText("db");
    List<Stored> tables = new ArrayList<>();
    question.get("tables").forEach(table -> tables.add(new Stored(table, db)));
    ObjectNode answer = json.createObjectNode();
    ArrayNode rows = answer.putArray("rows");
    for (JsonNode request : question.get("request").get("rows")) {
      rows.add(one(question.get("sql").asText(), db, tables, request, answer));
      if (question.get("request").path("stored").asBoolean(true)) {
        tables.get(0).rows.add(request);
      }
    }
    return answer;
  }

  /** The answer to one request, null where there is no row; the first table is the one whose rows the requests are. */
  private static JsonNode one(String sql, String db, List<Stored> tables, JsonNode request, ObjectNode answer)
      throws Refused {
    List<Object> kept = new ArrayList<>(); // what native code points to
    SimpleCatalog catalog = new SimpleCatalog(true);
    Database.Builder database = Database.newBuilder().setName(db);
    tables.forEach(stored -> database.addTables(stored.table));
    catalog.AddDatabase(database.build());
    for (Stored stored : tables) {
      for (int i = stored.rows.size() - 1; i >= 0; i--) {
        Row encoded = encode(stored.rows.get(i), stored.table.getColumnsList());
        kept.add(encoded);
        insert(catalog, db, stored.table.getName(), encoded);
      }
      for (IndexDef index : stored.table.getIndexesList()) {
        if (index.hasSecondKey() && !stored.rows.isEmpty()) {
          var handler = catalog.GetTable(db, stored.table.getName());
          kept.add(handler);
          long address = memory.getAddress(SWIGTYPE_p_std__shared_ptrT_hybridse__vm__TableHandler_t.getCPtr(handler));
          sort(library, address, oldString(index.getName()));
        }
      }
    }
    Engine engine = new Engine(catalog, new EngineOptions().SetClusterOptimized(true));
    long empty = memory.allocateMemory(16);
    memory.setMemory(empty, 16, (byte) 0);
    LocalTablet tablet =
        new LocalTablet(engine, new SWIGTYPE_p_std__shared_ptrT_hybridse__vm__CompileInfoCache_t(empty, false));
    setTablet(LocalTablet.getCPtr(tablet));
    RequestRunSession session = new RequestRunSession();
    BaseStatus status = new BaseStatus();
    try {
      if (!engine.Get(sql, db, session, status)) {
        throw new Refused(status.getMsg());
      }
      List<ColumnDef> output = session.GetSchema();
      if (!answer.has("columns")) {
        ArrayNode columns = answer.putArray("columns");
        output.forEach(column -> columns.addArray().add(column.getName()).add(word(column.getType())));
      }
      Row input = encode(request, tables.get(0).table.getColumnsList());
      Row given = new Row();
      int code = session.Run(input, given);
      if (code != 0) {
        throw new Refused("run: " + code);
      }
      JsonNode decoded = given.empty() ? nodes.nullNode() : decode(given, output);
      kept.clear();
      return decoded;
    } finally {
      session.delete();
      tablet.delete();
      engine.delete();
      memory.freeMemory(empty);
    }
  }

  /** A std::string as it was before C++11, never freed: the address of its characters, behind its header. */
  private static long oldString(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    long header = memory.allocateMemory(24 + bytes.length + 1);
    memory.putLong(header, bytes.length);
    memory.putLong(header + 8, bytes.length);
    memory.putLong(header + 16, 0);
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(header + 24 + i, bytes[i]);
    }
    memory.putByte(header + 24 + bytes.length, (byte) 0);
    return header + 24;
  }

  /** Hands over one row; Java has no std::vector of rows, which is three pointers. */
  private static void insert(SimpleCatalog catalog, String db, String table, Row row) {
    long vector = memory.allocateMemory(24);
    memory.putAddress(vector, Row.getCPtr(row));
    memory.putAddress(vector + 8, Row.getCPtr(row) + ROW);
    memory.putAddress(vector + 16, Row.getCPtr(row) + ROW);
    try {
      if (!catalog.InsertRows(db, table, new SWIGTYPE_p_std__vectorT_hybridse__codec__Row_t(vector, false))) {
        throw new IllegalStateException("a row of " + table + " is not taken");
      }
    } finally {
      memory.freeMemory(vector);
    }
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

  private static String word(Type type) {
    for (String word : "bool smallint int bigint float double string timestamp date".split(" ")) {
      if (type(word) == type) {
        return word;
      }
    }
    return type.toString();
  }

  private static Row encode(JsonNode values, List<ColumnDef> schema) {
    int bytes = 0;
    for (int i = 0; i < schema.size(); i++) {
      if (schema.get(i).getType() == Type.kVarchar && !values.get(i).isNull()) {
        bytes += values.get(i).asText().getBytes(StandardCharsets.UTF_8).length;
      }
    }
    RowBuilder builder = new RowBuilder(schema);
    int size = (int) builder.CalTotalLength(bytes);
    Row row = CoreAPI.NewRow(size);
    builder.SetBuffer(CoreAPI.GetRowBuf(row, 0), size);
    for (int i = 0; i < schema.size(); i++) {
      if (!append(builder, schema.get(i).getType(), values.get(i))) {
        throw new IllegalArgumentException(schema.get(i).getName() + " = " + values.get(i));
      }
    }
    return row;
  }

  private static boolean append(RowBuilder builder, Type type, JsonNode value) {
    if (value.isNull()) {
      return builder.AppendNULL();
    }
    switch (type) {
      case kBool: return builder.AppendBool(value.asBoolean());
      case kInt16: return builder.AppendInt16((short) value.asInt());
      case kInt32: return builder.AppendInt32(value.asInt());
      case kInt64: return builder.AppendInt64(value.asLong());
      case kFloat: return builder.AppendFloat(Float.parseFloat(value.asText()));
      case kDouble: return builder.AppendDouble(Double.parseDouble(value.asText()));
      case kVarchar:
        return builder.AppendString(value.asText(), value.asText().getBytes(StandardCharsets.UTF_8).length);
      case kTimestamp: return builder.AppendTimestamp(value.asLong());
      case kDate:
        LocalDate date = LocalDate.parse(value.asText());
        return builder.AppendDate(date.getYear(), date.getMonthValue(), date.getDayOfMonth());
      default: throw new IllegalArgumentException(type.toString());
    }
  }

  private static ArrayNode decode(Row row, List<ColumnDef> output) {
    RowView view = new RowView(output);
    if (!view.Reset(row.buf(0), row.size(0))) {
      throw new IllegalStateException("the row can not be read");
    }
    ArrayNode values = nodes.arrayNode();
    for (int i = 0; i < output.size(); i++) {
      values.add(view.IsNULL(i) ? nodes.nullNode() : value(view, i, output.get(i).getType()));
    }
    return values;
  }

  private static JsonNode value(RowView view, int i, Type type) {
    switch (type) {
      case kBool: return nodes.booleanNode(view.GetBoolUnsafe(i));
      case kInt16: return nodes.numberNode(view.GetInt16Unsafe(i));
      case kInt32: return nodes.numberNode(view.GetInt32Unsafe(i));
      case kInt64: return nodes.numberNode(view.GetInt64Unsafe(i));
      case kFloat: return real(view.GetFloatUnsafe(i));
      case kDouble: return real(view.GetDoubleUnsafe(i));
      case kVarchar: return nodes.textNode(view.GetStringUnsafe(i));
      case kTimestamp: return nodes.numberNode(view.GetTimestampUnsafe(i));
      case kDate:
        int date = view.GetDateUnsafe(i);
        return nodes.textNode(
            String.format(
                "%04d-%02d-%02d", view.GetYearUnsafe(date), view.GetMonthUnsafe(date), view.GetDayUnsafe(date)));
      default: throw new IllegalArgumentException(type.toString());
    }
  }

  private static JsonNode real(double value) {
    return Double.isFinite(value) ? nodes.numberNode(value) : nodes.textNode(String.valueOf(value));
  }
}
