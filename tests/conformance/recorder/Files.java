import com._4paradigm.openmldb.batch.api.OpenmldbSession;
import com._4paradigm.openmldb.batch.utils.DataSourceUtil$;
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
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import scala.Tuple2;
import scala.collection.JavaConverters;

/**
 * Reads files as LOAD DATA does and writes them as SELECT INTO OUTFILE does, one question a line; see files.py.
 *
 * <p>The only argument is the native library (libsql_jsdk.so).
 */
public class Files {
  private static final ObjectMapper json = new ObjectMapper();
  private static OpenmldbSession session;

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    SparkSession spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.session.timeZone", "Asia/Shanghai")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.openmldb.jsdk.library.path", arguments[0])
            .config("openmldb.jsdk.library.path", arguments[0])
            .getOrCreate();
    spark.sparkContext().setLogLevel("OFF");
    session = new OpenmldbSession(spark);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode question = json.readTree(line);
      ObjectNode answer = json.createObjectNode();
      try {
        if (question.has("write")) {
          write(question);
        } else {
          answer.set("rows", read(question));
        }
      } catch (Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
      }
      out.println(json.writeValueAsString(answer));
    }
  }

  private static ArrayNode read(JsonNode question) {
    List<ColumnDesc> columns = new ArrayList<>();
    for (JsonNode column : question.get("columns")) {
      columns.add(
          ColumnDesc.newBuilder()
              .setName(column.get(0).asText())
              .setDataType(type(column.get(1).asText()))
              .setNotNull(column.size() > 2 && column.get(2).asBoolean())
              .build());
    }
    Dataset<Row> found =
        DataSourceUtil$.MODULE$.autoLoad(
            session, question.get("path").asText(), question.get("format").asText(), options(question), columns, "", false);
    if (question.has("stored")) { // as offline rows are kept
      found.write().mode("overwrite").parquet(question.get("stored").asText());
      found = session.getSparkSession().read().parquet(question.get("stored").asText());
    }
    ArrayNode rows = json.createArrayNode();
    for (Row row : found.collectAsList()) {
      ArrayNode values = rows.addArray();
      for (int i = 0; i < row.size(); i++) {
        values.add(stored(row.get(i)));
      }
    }
    return rows;
  }

  /** What the table holds: milliseconds for a timestamp, as the engine reads it. */
  private static JsonNode stored(Object value) {
    if (value instanceof Timestamp) {
      return json.getNodeFactory().numberNode(((Timestamp) value).getTime());
    }
    if (value instanceof Date) {
      return json.getNodeFactory().textNode(((Date) value).toLocalDate().toString());
    }
    if (value instanceof Float || value instanceof Double) {
      return json.getNodeFactory().textNode(value.toString());
    }
    return json.valueToTree(value);
  }

  private static void write(JsonNode question) {
    JsonNode columns = question.get("columns");
    List<ColumnDesc> described = new ArrayList<>();
    for (JsonNode column : columns) {
      described.add(
          ColumnDesc.newBuilder().setName(column.get(0).asText()).setDataType(type(column.get(1).asText())).build());
    }
    StructType schema = (StructType) HybridseUtil$.MODULE$.extractOriginAndReadSchema(described)._1();
    List<Row> rows = new ArrayList<>();
    for (JsonNode row : question.get("rows")) {
      Object[] values = new Object[columns.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = given(columns.get(i).get(1).asText(), row.get(i));
      }
      rows.add(RowFactory.create(values));
    }
    SparkSession spark = session.getSparkSession();
    session.registerTable("t", spark.createDataFrame(rows, schema).coalesce(1));
    session.openmldbSql(question.get("write").asText());
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

  @SuppressWarnings("unchecked")
  private static scala.collection.immutable.Map<String, String> options(JsonNode question) {
    List<Tuple2<String, String>> given = new ArrayList<>();
    JsonNode options = question.get("options");
    for (Iterator<Map.Entry<String, JsonNode>> i = options.fields(); i.hasNext(); ) {
      Map.Entry<String, JsonNode> option = i.next();
      given.add(new Tuple2<>(option.getKey(), option.getValue().asText()));
    }
    return (scala.collection.immutable.Map<String, String>)
        scala.Predef$.MODULE$.Map().apply(JavaConverters.asScalaBufferConverter(given).asScala().toSeq());
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
