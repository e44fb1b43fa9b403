using System.Globalization;
using System.Text.Json;
using Millrace.TestServers;

namespace Millrace.MySql.Rows;

/// <summary>Binlogs of servers that cannot be started here. They have no metadata, so the tables' schemas are written down.</summary>
public class RecordedBinlogTests
{
    const string SakilaTimestamp = "last_update timestamp";

    [Fact]
    public void Sakila_of_MySQL_5_5_decodes_to_its_well_known_rows()
    {
        var schemas = new[]
        {
            Schema(
                "sakila",
                "actor",
                "actor_id smallint unsigned, first_name varchar(45) utf8, last_name varchar(45) utf8, " + SakilaTimestamp
            ),
            Schema(
                "sakila",
                "film",
                "film_id smallint unsigned, title varchar(255) utf8, description text utf8, release_year year, language_id tinyint unsigned, "
                    + "original_language_id tinyint unsigned, rental_duration tinyint unsigned, rental_rate decimal(4,2), length smallint unsigned, "
                    + "replacement_cost decimal(5,2), rating enum('G','PG','PG-13','R','NC-17') utf8, "
                    + "special_features set('Trailers','Commentaries','Deleted Scenes','Behind the Scenes') utf8, "
                    + SakilaTimestamp
            ),
            Schema(
                "sakila",
                "payment",
                "payment_id smallint unsigned, customer_id smallint unsigned, staff_id tinyint unsigned, rental_id int, amount decimal(5,2), "
                    + "payment_date datetime, "
                    + SakilaTimestamp
            ),
            Schema("sakila", "language", "language_id tinyint unsigned, name char(20) utf8, " + SakilaTimestamp),
        };
        var rows = RecordedEvents
            .Read(TestData.Path("binlogs/osheroff-mysql-bin.sakila.gz"))
            .Decode(schemas, map => schemas.Any(schema => schema.Table == map.Table))
            .ToLookup(row => row.Table, row => row.After!);

        Assert.Equal(200, rows["actor"].Count());
        Assert.StartsWith(
            """{"actor_id":1,"first_name":"PENELOPE","last_name":"GUINESS","last_update":"2006-02-15T""",
            rows["actor"].First()
        );
        Assert.Equal(1000, rows["film"].Count());
        Assert.StartsWith(
            (
                "{'film_id':1,'title':'ACADEMY DINOSAUR','description':'A Epic Drama of a Feminist And a Mad Scientist who must Battle a Teacher in The "
                + "Canadian Rockies','release_year':2006,'language_id':1,'original_language_id':null,'rental_duration':6,'rental_rate':'0.99',"
                + "'length':86,'replacement_cost':'20.99','rating':'PG','special_features':'Deleted Scenes,Behind the Scenes','last_update':'2006-02-15T"
            ).Replace('\'', '"'),
            rows["film"].First()
        );
        Assert.Equal(16049, rows["payment"].Count());
        Assert.Equal(
            67416.51m,
            rows["payment"]
                .Sum(row => decimal.Parse(JsonElement.Parse(row).GetProperty("amount").GetString()!, CultureInfo.InvariantCulture))
        );
        Assert.Contains("\"payment_date\":\"2005-05-25T11:30:37\"", rows["payment"].First());
        Assert.Equal(
            ["English", "Italian", "Japanese", "Mandarin", "French", "German"],
            rows["language"].Select(row => JsonElement.Parse(row).GetProperty("name").GetString())
        );
    }

    [Fact]
    public void A_table_of_many_types_of_MySQL_5_7_decodes()
    {
        var schema = Schema(
            "test",
            "mysqlcdc",
            "id int, c1 tinyint, c2 smallint, c3 mediumint, c4 int, c5 bigint, c6 float, c7 double, c8 decimal(65,10), c9 char(200) utf8mb4, "
                + "c10 varchar(700) utf8mb4, c11 varbinary(800), c12 json, c13 blob, c14 bit(28), c15 enum('a','b','c','d','e','f') utf8mb4, "
                + "c16 set('a','b','c','d','e','f') utf8mb4, c17 year, c18 date, c19 datetime(3), c20 time(2), c21 timestamp(3)"
        );
        var rows = RecordedEvents.Read(TestData.Path("binlogs/mysqlcdc-mysql-bin.000001")).Decode([schema], _ => true);
        Assert.Equal(3, rows.Count);
        Assert.Equal(
            (
                "{'id':12,'c1':122,'c2':12342,'c3':1234562,'c4':123456789,'c5':1234567890987654321,'c6':12345.679,'c7':123456789.09876543,"
                + "'c8':'1234567890112233445566778899001112223334445556667778889.9900011112','c9':'Csd234234 234234 zdfsfsdfsdf',"
                + "'c10':'Hello world!','c11':'EjRWRTRFRTQ=','c12':{'id':1,'name':'John'},'c13':'FSNU','c14':129324935,'c15':'b','c16':'c',"
                + "'c17':1989,'c18':'1985-10-23','c19':'1988-11-27T14:12:13.345','c20':'15:22:33.67','c21':'1985-10-13T10:22:23.567Z'}"
            ).Replace('\'', '"'),
            rows[1].After
        );
    }

    [Fact]
    public void A_zstd_transaction_of_MySQL_8_0_decodes()
    {
        var columns =
            "id int, "
            + string.Join(
                ", ",
                new[] { 256, -1, 256, 256, 1024, 512, 256, 256, 256, 256 }.Select(
                    (n, i) => n < 0 ? $"c{i} int" : $"c{i} varchar({n}) utf8mb4"
                )
            );
        var rows = RecordedEvents
            .Read(TestData.Path("binlogs/osheroff-mysql-bin.compressed"))
            .Decode([Schema("demo", "movies", columns)], _ => true);
        var row = Assert.Single(rows);
        Assert.Equal(RowOperation.Update, row.Operation);
        Assert.StartsWith(
            """{"id":1,"c0":"Once Upon a Time in the West","c1":1968,"c2":"Italy","c3":"Western","c4":"Claudia""",
            row.Before
        );
        Assert.Equal(row.Before!.Replace("\"Western\"", "\"Western|Action\""), row.After);
    }

    /// <summary>A schema from words: name, type, and charset where there is one.</summary>
    internal static TableSchema Schema(string database, string table, string columns)
    {
        var list = new List<ColumnSchema>();
        foreach (
            var column in System
                .Text.RegularExpressions.Regex.Matches(columns, @"(\w+) (\w+)(\(('[^)]*'|[\d,]+)\))?( unsigned)?( \w+)?(, |$)")
                .Cast<System.Text.RegularExpressions.Match>()
        )
        {
            var (type, arguments, charset) = (column.Groups[2].Value, column.Groups[4].Value, column.Groups[6].Value.Trim());
            var numbers = arguments.Split(',').Select(text => int.TryParse(text, out var number) ? number : (int?)null).ToArray();
            var temporal = type is "time" or "datetime" or "timestamp";
            list.Add(
                new ColumnSchema
                {
                    Name = column.Groups[1].Value,
                    DataType = type,
                    ColumnType = type + column.Groups[3].Value + column.Groups[5].Value,
                    Unsigned = column.Groups[5].Success,
                    Charset = charset is "" ? null : charset,
                    Precision = type is "decimal" or "bit" ? numbers[0] : null,
                    Scale = type is "decimal" ? numbers[1] : null,
                    FractionDigits = temporal ? numbers[0] ?? 0 : null,
                    Nullable = true,
                    Members = type is "enum" or "set" ? [.. arguments.Split(',').Select(member => member.Trim('\''))] : null,
                }
            );
        }
        return new(database, table, list, [0], []);
    }
}
