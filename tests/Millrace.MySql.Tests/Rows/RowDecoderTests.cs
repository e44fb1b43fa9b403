using System.Text;

namespace Millrace.MySql.Rows;

public class RowDecoderTests
{
    const byte Long = 3,
        VarChar = 15,
        WriteRows = 30,
        UpdateRows = 31;

    static TableSchema Schema(string columns) => RecordedBinlogTests.Schema("shop", "t", columns);

    static RowDecoder Decoder(string columns, byte[] types, byte[] metadata) =>
        RowDecoder.Bind(TableMap.Parse(RowEventBuilder.TableMap(types, metadata), mariaDb: false), Schema(columns));

    static string One(RowDecoder decoder, params byte[] row)
    {
        var body = RowEventBuilder.Rows(
            decoder.ColumnNames.Count,
            [.. Enumerable.Repeat((byte)0xFF, (decoder.ColumnNames.Count + 7) / 8), .. row]
        );
        var reader = decoder.Read(WriteRows, body);
        Assert.True(reader.MoveNext());
        var json = Encoding.UTF8.GetString(reader.After.Json);
        Assert.False(reader.MoveNext());
        return json;
    }

    // Bytes from MySQL's my_time_packed_to_binary and what the server says they are.
    [Theory]
    [InlineData(0, new byte[] { 0x80, 0x00, 0x00 }, "00:00:00")]
    [InlineData(0, new byte[] { 0x7F, 0xFF, 0xFF }, "-00:00:01")]
    [InlineData(0, new byte[] { 0x80, 0x2F, 0x12 }, "02:60:18")] // what is stored is told, however odd
    [InlineData(2, new byte[] { 0x7F, 0xFF, 0xFF, 0xF6 }, "-00:00:00.10")]
    [InlineData(2, new byte[] { 0x7F, 0xFF, 0xFE, 0x9D }, "-00:00:01.99")]
    [InlineData(1, new byte[] { 0x80, 0x00, 0x01, 50 }, "00:00:01.5")]
    [InlineData(6, new byte[] { 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, "-00:00:00.000001")]
    [InlineData(6, new byte[] { 0xB4, 0x6E, 0xFB, 0x00, 0x00, 0x00 }, "838:59:59.000000")]
    public void Times_borrow_and_lend_between_seconds_and_fraction(byte digits, byte[] stored, string expected)
    {
        var decoder = Decoder($"a time({digits})", [19], [digits]);
        Assert.Equal($$"""{"a":"{{expected}}"}""", One(decoder, [0, .. stored]));
    }

    [Theory]
    [InlineData("timestamp", 7, new byte[] { 0, 0, 0, 0 }, "0000-00-00T00:00:00Z")]
    [InlineData("timestamp", 7, new byte[] { 0xFF, 0xFF, 0xFF, 0x7F }, "2038-01-19T03:14:07Z")]
    [InlineData("timestamp", 7, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, "2106-02-07T06:28:15Z")] // MariaDB since 11.5
    [InlineData("datetime", 12, new byte[] { 0xB2, 0x40, 0x69, 0x25, 0x69, 0x12, 0, 0 }, "2024-02-29T23:59:58")]
    [InlineData("time", 11, new byte[] { 0xD2, 0x1D, 0xFE }, "-12:34:54")]
    public void Temporal_types_of_before_MySQL_5_6_decode(string type, byte code, byte[] stored, string expected)
    {
        if (type == "datetime")
            stored = BitConverter.GetBytes(20240229235958);
        if (type == "time")
            stored = BitConverter.GetBytes(-123454)[..3];
        Assert.Equal($$"""{"a":"{{expected}}"}""", One(Decoder($"a {type}", [code], []), [0, .. stored]));
    }

    [Fact]
    public void An_after_image_takes_from_its_before_image_what_it_leaves_out()
    {
        var decoder = Decoder("id int, name varchar(10) latin1, n int", [Long, VarChar, Long], [10, 0]);
        // MINIMAL: before has the key, after what changed.
        var body = RowEventBuilder.Rows(3, 0b001, 0b010, 0, 5, 0, 0, 0, 0, 2, (byte)'o', 0xE9);
        var reader = decoder.Read(UpdateRows, body);

        Assert.True(reader.MoveNext());
        Assert.Equal("""{"id":5}""", Encoding.UTF8.GetString(reader.Before.Json));
        Assert.Equal("""{"id":5,"name":"oé"}""", Encoding.UTF8.GetString(reader.After.Json));
        Assert.True(reader.After.Cells[2].IsAbsent);
        Assert.Equal("5"u8, reader.After.Value(0));
        Assert.Equal("\"oé\""u8, reader.After.Value(1));
        Assert.True(reader.After.Value(2).IsEmpty);
        Assert.False(reader.MoveNext());
    }

    [Fact]
    public void Only_what_JSON_requires_is_escaped()
    {
        var text = "\"\\/\b\f\n\r\t\0\u001f\u007f\u2028é😀"u8;
        var decoder = Decoder("a varchar(100) utf8mb4", [VarChar], [100, 0]);
        Assert.Equal("{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028é😀\"}", One(decoder, [0, (byte)text.Length, .. text]));
    }

    [Theory]
    [InlineData(0.1, "0.1")]
    [InlineData(-0.0, "0")]
    [InlineData(1e20, "100000000000000000000")]
    [InlineData(1e21, "1e+21")]
    [InlineData(1.5e-6, "0.0000015")]
    [InlineData(1e-7, "1e-7")]
    [InlineData(-1.7976931348623157e308, "-1.7976931348623157e+308")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(123456789.125, "123456789.125")]
    public void Doubles_have_ECMAScript_s_form(double value, string expected) =>
        Assert.Equal($$"""{"a":{{expected}}}""", One(Decoder("a double", [5], [8]), [0, .. BitConverter.GetBytes(value)]));

    [Fact]
    public void Bytes_that_are_no_text_of_their_charset_are_an_error_that_names_the_column()
    {
        var error = Assert.Throws<MalformedRowsException>(() =>
            One(Decoder("id int, a varchar(9) utf8mb4", [Long, VarChar], [9, 0]), 0, 1, 0, 0, 0, 1, 0xFF)
        );
        Assert.Equal(("shop.t", "a"), (error.Table, error.Column));
        Assert.Contains("not valid utf8mb4", error.Message);
    }

    [Fact]
    public void An_event_that_ends_early_is_an_error_and_not_a_row()
    {
        var error = Assert.Throws<MalformedRowsException>(() => One(Decoder("id int, n int", [Long, Long], []), 0, 1, 0, 0, 0, 9));
        Assert.Contains("`n`", error.Message);
        Assert.Throws<MalformedRowsException>(() => TableMap.Parse([7, 0, 0, 0, 0, 0, 1, 0, 4, 1], false));
    }

    [Fact]
    public void A_schema_that_does_not_fit_the_binlog_asks_to_look_again()
    {
        Assert.Contains("2 columns", Assert.Throws<SchemaMismatchException>(() => Decoder("id int", [Long, Long], [])).Message);
        Assert.Equal("a", Assert.Throws<SchemaMismatchException>(() => Decoder("id int, a bigint", [Long, Long], [])).Column);
        Assert.Equal("a", Assert.Throws<SchemaMismatchException>(() => Decoder("a decimal(10,2)", [246], [10, 3])).Column);
        Assert.Equal("a", Assert.Throws<SchemaMismatchException>(() => Decoder("a datetime(3)", [18], [6])).Column);
        Assert.Throws<SchemaMismatchException>(() => RowDecoder.Bind(TableMap.Parse(RowEventBuilder.TableMap([Long], []), false), null));
        // Signs: the metadata says unsigned.
        var map = TableMap.Parse(RowEventBuilder.TableMap([Long], [], 1, 1, 0x80), false);
        Assert.Contains("UNSIGNED", Assert.Throws<SchemaMismatchException>(() => RowDecoder.Bind(map, Schema("id int"))).Message);
    }

    [Fact]
    public void An_ENUM_member_that_is_not_known_asks_to_look_again()
    {
        var decoder = Decoder("a enum('x','y') utf8mb4", [254], [247, 1]);
        Assert.Equal("""{"a":"y"}""", One(decoder, 0, 2));
        Assert.Equal("""{"a":""}""", One(decoder, 0, 0));
        Assert.Throws<SchemaMismatchException>(() => One(decoder, 0, 3));
    }

    [Fact]
    public void What_is_not_decoded_names_table_column_and_type_and_can_be_left_out()
    {
        var map = TableMap.Parse(RowEventBuilder.TableMap([Long, 255, Long], [4]), false);
        var schema = Schema("id int, place point, n int");
        var error = Assert.Throws<UnsupportedColumnException>(() => RowDecoder.Bind(map, schema));
        Assert.Equal(("shop.t", "place", "point"), (error.Table, error.Column, error.Type));
        Assert.Throws<UnsupportedColumnException>(() => new SnapshotRowReader(schema));
        Assert.Contains("swe7", Assert.Throws<UnsupportedColumnException>(() => Decoder("a varchar(9) swe7", [VarChar], [9, 0])).Message);

        var decoder = RowDecoder.Bind(map, schema, new ColumnRules().Exclude("place"));
        Assert.Equal("""{"id":1,"n":2}""", One(decoder, 0, 1, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9, 2, 0, 0, 0));
    }

    [Fact]
    public void Partial_JSON_updates_are_refused_with_the_setting_to_change()
    {
        var decoder = Decoder("id int", [Long], []);
        var error = Assert.Throws<UnsupportedRowsException>(() => decoder.Read(39, RowEventBuilder.Rows(1)));
        Assert.Contains("binlog_row_value_options", error.Message);
    }

    [Fact]
    public void A_table_map_that_is_known_makes_no_new_decoder_and_a_changed_one_does()
    {
        var schema = Schema("id int");
        var decoders = new RowDecoders(mariaDb: false, (_, _) => schema);
        decoders.Take(RowEventBuilder.TableMap([Long], []));
        var first = decoders.For(7);
        decoders.Take(RowEventBuilder.TableMap([Long], []));
        Assert.Same(first, decoders.For(7));
        schema = Schema("id int, n int");
        decoders.Take(RowEventBuilder.TableMap([Long, Long], []));
        Assert.Equal(["id", "n"], decoders.For(7).ColumnNames);
        Assert.Null(decoders.MapOf(8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_row_costs_no_allocation(bool masked)
    {
        const string columns =
            "id int, name varchar(100) utf8mb4, latin varchar(100) latin1, d decimal(10,2), f double, t timestamp(6), b varbinary(20), j json";
        var map = RowEventBuilder.TableMap([Long, VarChar, VarChar, 246, 5, 17, VarChar, 245], [100, 0, 100, 0, 10, 2, 8, 6, 20, 0, 4]);
        var rules = new ColumnRules().Hash("name", "key"u8).Hash("t", "other"u8).Replace("j", "***").Exclude("b");
        var decoder = RowDecoder.Bind(TableMap.Parse(map, mariaDb: false), Schema(columns), masked ? rules : null);
        byte[] row =
        [
            0,
            .. (byte[])[1, 0, 0, 0],
            .. (byte[])[3, (byte)'a', (byte)'"', (byte)'b'],
            .. (byte[])[2, 0xE9, (byte)'x'],
            .. (byte[])[0x80, 0, 0, 1, 50],
            .. BitConverter.GetBytes(1.25),
            .. (byte[])[0x65, 0, 0, 0, 1, 2, 3],
            .. (byte[])[2, 1, 2],
            .. (byte[])[3, 0, 0, 0, 5, 7, 0],
        ];
        var body = RowEventBuilder.Rows(8, [0xFF, .. Enumerable.Repeat(row, 200).SelectMany(bytes => bytes)]);
        Count();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var rows = Count();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(200, rows);

        int Count()
        {
            var count = 0;
            var reader = decoder.Read(WriteRows, body);
            while (reader.MoveNext())
                count++;
            return count;
        }
    }
}
