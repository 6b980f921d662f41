import com._4paradigm.openmldb.batch.api.OpenmldbSession;
import com._4paradigm.openmldb.batch.utils.HybridseUtil$;
import com._4paradigm.openmldb.proto.Common.ColumnDesc;
import com._4paradigm.openmldb.proto.Type.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Date;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Answers queries by OpenMLDB's offline engine on Spark, one question a line; see record_skew.py.
 *
 * <p>The only argument is the native library (libsql_jsdk.so).
 */
public class Offline {
  private static final ObjectMapper json = new ObjectMapper();
  private static SparkSession spark;

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.default.parallelism", "1")
            .config("spark.sql.session.timeZone", "Asia/Shanghai")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.openmldb.jsdk.library.path", arguments[0])
            .config("openmldb.jsdk.library.path", arguments[0])
            .getOrCreate();
    spark.sparkContext().setLogLevel("OFF");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      ObjectNode answer = json.createObjectNode();
      try {
        ask(json.readTree(line), answer);
      } catch (Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        answer.removeAll();
        answer.put("refused", String.valueOf(cause.getMessage()).split("\n")[0]);
        answer.put("error", cause.getClass().getSimpleName());
      }
      out.println(json.writeValueAsString(answer));
    }
  }

  private static void ask(JsonNode question, ObjectNode answer) {
    OpenmldbSession session = new OpenmldbSession(spark);
    String db = question.path("db").asText("db");
    for (JsonNode table : question.get("tables")) {
      JsonNode columns = table.get("columns");
      List<ColumnDesc> described = new ArrayList<>();
      for (JsonNode column : columns) {
        described.add(
            ColumnDesc.newBuilder().setName(column.get(0).asText()).setDataType(type(column.get(1).asText())).build());
      }
      StructType schema = (StructType) HybridseUtil$.MODULE$.extractOriginAndReadSchema(described)._1();
      List<Row> rows = new ArrayList<>();
      for (JsonNode row : table.get("rows")) {
        Object[] values = new Object[columns.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = given(columns.get(i).get(1).asText(), row.get(i));
        }
        rows.add(RowFactory.create(values));
      }
      Dataset<Row> frame = spark.createDataFrame(rows, schema).coalesce(1);
      session.registerTable(db, table.get("name").asText(), frame);
      session.registerTable(table.get("name").asText(), frame);
    }
    Dataset<Row> found = session.openmldbSql(question.get("sql").asText()).getSparkDf();
    ArrayNode rows = json.createArrayNode();
    for (Row row : found.collectAsList()) {
      ArrayNode values = rows.addArray();
      for (int i = 0; i < row.size(); i++) {
        values.add(value(row.get(i)));
      }
    }
    ArrayNode columns = answer.putArray("columns");
    for (StructField field : found.schema().fields()) {
      columns.addArray().add(field.name()).add(word(field.dataType().typeName()));
    }
    answer.set("rows", rows);
  }

  private static String word(String spark) {
    switch (spark) {
      case "boolean": return "bool";
      case "short": return "smallint";
      case "integer": return "int";
      case "long": return "bigint";
      default: return spark;
    }
  }

  /** Milliseconds for a timestamp, as the engine reads it. */
  private static JsonNode value(Object value) {
    if (value instanceof Timestamp) {
      return json.getNodeFactory().numberNode(((Timestamp) value).getTime());
    }
    if (value instanceof Date) {
      return json.getNodeFactory().textNode(((Date) value).toLocalDate().toString());
    }
    if (value instanceof Float || value instanceof Double) {
      double number = ((Number) value).doubleValue();
      return Double.isFinite(number)
          ? json.getNodeFactory().numberNode(number)
          : json.getNodeFactory().textNode(value.toString());
    }
    return json.valueToTree(value);
  }

  private static Object given(String type, JsonNode value) {
    if (value.isNull()) {
      return null;
    }
    switch (type) {
      case "bool": return value.asBoolean();
      case "smallint": return (short) value.asInt();
      case "int": return value.asInt();
      case "bigint": return value.asLong();
      case "float": return Float.parseFloat(value.asText());
      case "double": return Double.parseDouble(value.asText());
      case "date": return Date.valueOf(LocalDate.parse(value.asText()));
      case "timestamp": return Timestamp.from(Instant.ofEpochMilli(value.asLong()));
      default: return value.asText();
    }
  }

  private static DataType type(String word) {
    switch (word) {
      case "bool": return DataType.kBool;
      case "smallint": return DataType.kSmallInt;
      case "int": return DataType.kInt;
      case "bigint": return DataType.kBigInt;
      case "float": return DataType.kFloat;
      case "double": return DataType.kDouble;
      case "string": return DataType.kString;
      case "timestamp": return DataType.kTimestamp;
      case "date": return DataType.kDate;
      default: throw new IllegalArgumentException(word);
    }
  }
}
