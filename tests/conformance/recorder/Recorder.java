import com._4paradigm.hybridse.codec.Row;
import com._4paradigm.hybridse.codec.RowBuilder;
import com._4paradigm.hybridse.codec.RowView;
import com._4paradigm.hybridse.sdk.JitManager;
import com._4paradigm.hybridse.sdk.SqlEngine;
import com._4paradigm.hybridse.type.TypeOuterClass.ColumnDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Database;
import com._4paradigm.hybridse.type.TypeOuterClass.TableDef;
import com._4paradigm.hybridse.type.TypeOuterClass.Type;
import com._4paradigm.hybridse.vm.CoreAPI;
import com._4paradigm.hybridse.vm.Engine;
import com._4paradigm.hybridse.vm.PhysicalOpType;
import com._4paradigm.hybridse.vm.PhysicalProjectNode;
import com._4paradigm.hybridse.vm.WindowInterface;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Runs expressions in OpenMLDB's own compiled code, one question a line; see record.py for the questions.
 *
 * <p>Texts go as hexadecimal UTF-8, NULL as \N. The only argument is the native library (libsql_jsdk.so).
 */
public class Recorder {
  private static final String NULL = "\\N";
  private static final List<ColumnDef> schema = new ArrayList<>();
  private static final List<String[]> rows = new ArrayList<>();
  private static PrintStream out;
  private static int modules = 0;

  public static void main(String[] arguments) throws Exception {
    out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    System.load(arguments[0]);
    Engine.InitializeGlobalLLVM();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] parts = line.split("\t", -1);
      try {
        switch (parts[0]) {
          case "SCHEMA":
            for (String column : Arrays.copyOfRange(parts, 1, parts.length)) {
              String[] words = column.split(" ");
              schema.add(ColumnDef.newBuilder().setName(words[0]).setType(type(words[1])).build());
            }
            break;
          case "ROW":
            rows.add(Arrays.copyOfRange(parts, 1, parts.length));
            break;
          case "SCALAR":
            run(text(parts[1]), false, 0);
            break;
          case "WINDOW":
            run(text(parts[1]), true, Integer.parseInt(parts[2]));
            break;
          default:
            throw new IllegalArgumentException(parts[0]);
        }
      } catch (Exception error) {
        out.println("ERROR\t" + hex(String.valueOf(error.getMessage())));
      }
    }
  }

  /** Answers with the types of the columns, then each row's values, then a full stop. */
  private static void run(String sql, boolean window, int order) throws Exception {
    TableDef.Builder table = TableDef.newBuilder().setName("t").setCatalog("db").addAllColumns(schema);
    Database database = Database.newBuilder().setName("db").addTables(table).build();
    try (SqlEngine engine = new SqlEngine(sql, database)) {
      if (engine.getPlan().GetOpType() != PhysicalOpType.kPhysicalOpProject) {
        throw new IllegalStateException("not compiled: " + engine.getPlan().GetOpType());
      }
      List<ColumnDef> output = engine.getPlan().GetOutputSchema();
      StringBuilder types = new StringBuilder("TYPES");
      output.forEach(column -> types.append('\t').append(column.getType()));
      String name = PhysicalProjectNode.CastFrom(engine.getPlan()).project().fn_info().fn_name();
      String tag = "module" + modules++;
      JitManager.initJitModule(tag, engine.getIrBuffer(), false);
      long function = JitManager.getJit(tag).FindFunction(name);
      // rows come in the order of time; each sees all that came before it
      long reach = -1_000_000_000_000L;
      WindowInterface frame = new WindowInterface(false, false, false, "kFrameRowsRange", reach, 0, 0, 0, false);
      out.println(types);
      for (String[] row : rows) {
        Row input = encode(row);
        Row found =
            window
                ? CoreAPI.WindowProject(function, Long.parseLong(row[order]), input, true, 0, frame)
                : CoreAPI.RowProject(function, input, new Row(), false);
        out.println(decode(found, output));
      }
      out.println(".");
      JitManager.removeModule(tag);
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

  private static String text(String hex) {
    return new String(HexFormat.of().parseHex(hex), StandardCharsets.UTF_8);
  }

  private static String hex(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Row encode(String[] values) {
    int bytes = 0;
    for (int i = 0; i < values.length; i++) {
      boolean isText = schema.get(i).getType() == Type.kVarchar && !values[i].equals(NULL);
      bytes += isText ? values[i].length() / 2 : 0;
    }
    RowBuilder builder = new RowBuilder(schema);
    int size = (int) builder.CalTotalLength(bytes);
    Row row = CoreAPI.NewRow(size);
    builder.SetBuffer(CoreAPI.GetRowBuf(row, 0), size);
    for (int i = 0; i < values.length; i++) {
      if (!append(builder, schema.get(i).getType(), values[i])) {
        throw new IllegalArgumentException(schema.get(i).getName() + " = " + values[i]);
      }
    }
    return row;
  }

  private static boolean append(RowBuilder builder, Type type, String value) {
    if (value.equals(NULL)) {
      return builder.AppendNULL();
    }
    switch (type) {
      case kBool: return builder.AppendBool(Boolean.parseBoolean(value));
      case kInt16: return builder.AppendInt16(Short.parseShort(value));
      case kInt32: return builder.AppendInt32(Integer.parseInt(value));
      case kInt64: return builder.AppendInt64(Long.parseLong(value));
      case kFloat: return builder.AppendFloat(Float.parseFloat(value));
      case kDouble: return builder.AppendDouble(Double.parseDouble(value));
      case kVarchar: return builder.AppendString(text(value), value.length() / 2);
      case kTimestamp: return builder.AppendTimestamp(Long.parseLong(value));
      case kDate:
        String[] parts = value.split("-");
        return builder.AppendDate(
            Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
      default: throw new IllegalArgumentException(type.toString());
    }
  }

  private static String decode(Row row, List<ColumnDef> output) {
    RowView view = new RowView(output);
    if (!view.Reset(row.buf(0), row.size(0))) {
      throw new IllegalStateException("the row can not be read");
    }
    StringBuilder line = new StringBuilder("ROW");
    for (int i = 0; i < output.size(); i++) {
      line.append('\t').append(view.IsNULL(i) ? NULL : value(view, i, output.get(i).getType()));
    }
    return line.toString();
  }

  private static Object value(RowView view, int i, Type type) {
    switch (type) {
      case kBool: return view.GetBoolUnsafe(i);
      case kInt16: return view.GetInt16Unsafe(i);
      case kInt32: return view.GetInt32Unsafe(i);
      case kInt64: return view.GetInt64Unsafe(i);
      case kFloat: return view.GetFloatUnsafe(i);
      case kDouble: return view.GetDoubleUnsafe(i);
      case kVarchar: return hex(view.GetStringUnsafe(i));
      case kTimestamp: return view.GetTimestampUnsafe(i);
      case kDate:
        int date = view.GetDateUnsafe(i);
        return String.format(
            "%04d-%02d-%02d", view.GetYearUnsafe(date), view.GetMonthUnsafe(date), view.GetDayUnsafe(date));
      default: throw new IllegalArgumentException(type.toString());
    }
  }
}
