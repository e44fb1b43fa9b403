using System.Text;
using System.Text.Json;
using CsCheck;

namespace Millrace.Generators.Tests;

public class RowTests
{
    private const string Ticket = """{"id":1,"subject":"s","status":"open","priority":2,"category_id":3}""";

    [Fact]
    public void What_was_written_is_read_back()
    {
        var micros = Gen.Long[0, 3_155_378_975_999_999_9].Select(us => new DateTime(us * 10));
        var offset = micros.Select(t => new DateTimeOffset(t, TimeSpan.Zero));
        var day = Gen.Int[0, 3_652_058].Select(DateOnly.FromDayNumber);
        var span = Gen.Long[-3_020_399_999_999, 3_020_399_999_999].Select(us => new TimeSpan(us * 10));
        var time = Gen.Long[0, 86_399_999_999].Select(us => new TimeOnly(us * 10));
        var status = Gen.Enum<Status>();
        var finite = Gen.Double.Where(double.IsFinite);
        var gen =
            from a in Gen.Select(Gen.Long, Gen.SByte, Gen.Byte, Gen.Short, Gen.UShort, Gen.Int, Gen.UInt, Gen.ULong)
            from b in Gen.Select(Gen.Bool, Gen.Decimal, finite, Gen.Float.Where(float.IsFinite), Gen.String, Gen.Guid, micros, offset)
            from c in Gen.Select(day, time, span, status, Gen.Enum<Channels>())
            from d in Gen.Select(Gen.Int.Nullable(), Gen.ULong.Nullable(), Gen.Bool.Nullable(), Gen.Decimal.Nullable(), finite.Nullable())
            from e in Gen.Select(Gen.String.Null(), Gen.Guid.Nullable(), micros.Nullable(), offset.Nullable(), day.Nullable())
            from f in Gen.Select(time.Nullable(), span.Nullable(), status.Nullable())
            select new EveryType(
                a.Item1,
                a.Item2,
                a.Item3,
                a.Item4,
                a.Item5,
                a.Item6,
                a.Item7,
                a.Item8,
                b.Item1,
                b.Item2,
                b.Item3,
                b.Item4,
                b.Item5,
                b.Item6,
                b.Item7,
                b.Item8,
                c.Item1,
                c.Item2,
                c.Item3,
                c.Item4,
                c.Item5
            )
            {
                MaybeNumber = d.Item1,
                MaybeBig = d.Item2,
                MaybeFlag = d.Item3,
                MaybeAmount = d.Item4,
                MaybeRatio = d.Item5,
                MaybeTitle = e.Item1,
                MaybeToken = e.Item2,
                MaybeLocalAt = e.Item3,
                MaybeHappenedAt = e.Item4,
                MaybeDay = e.Item5,
                MaybeAt = f.Item1,
                MaybeTook = f.Item2,
                MaybeStatus = f.Item3,
            };
        gen.Sample(row => EveryType.Parse(Json(row)) == row, iter: 2_000);
    }

    [Fact]
    public void The_canonical_form_of_each_type_is_read()
    {
        var row = Parse<EveryType>(
            """
            {"id":-9,"tiny":-128,"tiny_unsigned":255,"small":-32768,"small_unsigned":65535,"medium":7,"medium_unsigned":4294967295,
            "big_unsigned":18446744073709551615,"flag":1,"amount":"12.50","ratio":0.1,"share":1.5,"title":"a\"b\u00e9",
            "token":"00112233-4455-6677-8899-aabbccddeeff","local_at":"2024-01-31T12:34:56.123456","happened_at":"2024-01-31T12:34:56",
            "day":"2024-02-29","at":"23:59:59.000001","took":"-838:59:59.000001","status":"in_progress","channels":"mail,chat",
            "maybe_happened_at":"1970-01-01T00:00:01Z","maybe_flag":true,"maybe_status":2,"maybe_token":"ABEiM0RVZneImaq7zN3u/w==",
            "unknown":{"deep":[1,{"id":5}]},"maybe_title":null}
            """
        );
        Assert.Equal(-9, row.Id);
        Assert.Equal(ulong.MaxValue, row.BigUnsigned);
        Assert.True(row.Flag);
        Assert.Equal("12.50", row.Amount.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal("a\"bé", row.Title);
        Assert.Equal(new Guid("00112233-4455-6677-8899-aabbccddeeff"), row.Token);
        Assert.Equal(row.Token, row.MaybeToken);
        Assert.Equal(new DateTime(2024, 1, 31, 12, 34, 56, 123, 456), row.LocalAt);
        Assert.Equal(DateTimeKind.Unspecified, row.LocalAt.Kind);
        Assert.Equal(new DateTimeOffset(2024, 1, 31, 12, 34, 56, TimeSpan.Zero), row.HappenedAt);
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1), row.MaybeHappenedAt);
        Assert.Equal(new DateOnly(2024, 2, 29), row.Day);
        Assert.Equal(new TimeOnly(23, 59, 59).Add(TimeSpan.FromMicroseconds(1)), row.At);
        Assert.Equal(-(new TimeSpan(838, 59, 59) + TimeSpan.FromMicroseconds(1)), row.Took);
        Assert.Equal(Status.InProgress, row.Status);
        Assert.Equal(Channels.Mail | Channels.Chat, row.Channels);
        Assert.Equal(Status.Closed, row.MaybeStatus);
        Assert.True(row.MaybeFlag);
        Assert.Null(row.MaybeTitle);
        Assert.Null(row.MaybeDay);
    }

    [Theory]
    [InlineData("0000-00-00T00:00:00", null)]
    [InlineData("0000-00-00", null)]
    [InlineData("2024-00-01", null)]
    [InlineData("2024-01-02", "2024-01-02")]
    public void A_zero_date_is_null_where_the_property_may_be(string day, string? read)
    {
        var json = $$"""{{{Ticket[1..^1]}},"closed_on":"{{day}}"}""";
        Assert.Equal(
            read is null ? null : DateOnly.Parse(read, System.Globalization.CultureInfo.InvariantCulture),
            Parse<DatedRow>(json).ClosedOn
        );
    }

    [Theory]
    [InlineData(
        """{"id":1,"opened_on":"0000-00-00"}""",
        "dated.opened_on is a zero date, which StrictRow.OpenedOn (DateOnly) cannot hold."
    )]
    [InlineData("""{"id":1,"opened_on":null}""", "dated.opened_on is null, which StrictRow.OpenedOn (DateOnly) cannot hold.")]
    [InlineData(
        """{"id":1,"opened_on":7}""",
        "dated.opened_on is a number of another form, which StrictRow.OpenedOn (DateOnly) cannot hold."
    )]
    [InlineData(
        """{"id":99999999999,"opened_on":"2024-01-01"}""",
        "dated.id is a number out of its range, which StrictRow.Id (int) cannot hold."
    )]
    [InlineData(
        """{"id":"secret","opened_on":"2024-01-01"}""",
        "dated.id is a string of another form, which StrictRow.Id (int) cannot hold."
    )]
    [InlineData(
        """{"id":1,"opened_on":"2023-02-29"}""",
        "dated.opened_on is a string of another form, which StrictRow.OpenedOn (DateOnly) cannot hold."
    )]
    [InlineData("[]", "A row of dated is no JSON object.")]
    [InlineData(
        """{"id":1}""",
        "dated has no column opened_on in this row, and StrictRow.OpenedOn (DateOnly) cannot be null. "
            + "Make the property nullable, or name its column with [Column]."
    )]
    public void What_a_property_cannot_hold_is_named_and_never_quoted(string json, string message) =>
        Assert.Equal(message, Assert.Throws<RowException>(() => Parse<StrictRow>(json)).Message);

    [Fact]
    public void A_missing_column_beyond_the_64th_is_named()
    {
        var columns = string.Join(',', Enumerable.Range(1, 64).Select(i => $"\"c{i}\":{i}"));
        var error = Assert.Throws<RowException>(() => Parse<Nested.WideRow>($$"""{"A":1,"class":"x",{{columns}}}"""));
        Assert.StartsWith(
            "Wide Table has no column c65 in this row, and WideRow.C65 (int) cannot be null.",
            error.Message,
            StringComparison.Ordinal
        );
        var row = Parse<Nested.WideRow>($$"""{"A":1,"class":"x",{{columns}},"c65":65,"na\u00efve \u0022column\u0022":"odd"}""");
        Assert.Equal((1, "x", 65, "odd"), (row.First, row.@class, row.C65, row.Odd));
    }

    [Fact]
    public void The_definition_says_what_the_record_says()
    {
        var tags = TagRow.Definition;
        Assert.Equal("tags", tags.Table);
        Assert.Equal(["Wide_A", "wide_class", "tag", "document_id", "other_document_id", "created_at"], tags.Columns.Select(c => c.Name));
        Assert.Equal(["Wide_A", "wide_class", "tag"], tags.Key);
        Assert.Same(Nested.WideRow.Definition, tags.Parent!.Definition);
        Assert.Equal(["Wide_A", "wide_class"], tags.Parent.Columns);
        Assert.Equal([new("documents", "document_id", true), new("documents", "other_document_id", false)], tags.References);
        Assert.Equal("created_at", tags.OccurredAt);
        Assert.Equal(new RowColumn("other_document_id", "OtherDocumentId", "long?", true), tags.Columns[4]);
        Assert.Equal(["A", "class"], Nested.WideRow.Definition.Key);
        Assert.DoesNotContain(Nested.WideRow.Definition.Columns, c => c.Property == "Computed");
        Assert.Contains(typeof(IPartOf<Nested.WideRow>), typeof(TagRow).GetInterfaces());
        Assert.Contains(typeof(IPartOf<Nested.WideRow>), typeof(Nested.WideRow).GetInterfaces());
    }

    [Fact]
    public void Documents_and_bytes_are_read_back()
    {
        var row = Parse<DocumentRow>("""{"id":1,"body":{"a":[1,2]},"extra":"{\"b\": 3}","blob":"AAECAw==","thumbnail":null}""");
        Assert.Equal("[1,2]", row.Body.GetProperty("a").GetRawText());
        Assert.Equal(3, row.Extra!.Value.GetProperty("b").GetInt32());
        Assert.Equal([0, 1, 2, 3], row.Blob);
        Assert.Null(row.Thumbnail);
        var again = DocumentRow.Parse(Json(row));
        Assert.Equal(row.Blob, again.Blob);
        Assert.True(JsonElement.DeepEquals(row.Body, again.Body));
        Assert.True(JsonElement.DeepEquals(row.Extra.Value, again.Extra!.Value));
    }

    [Theory]
    [InlineData("\"abc\"", JsonValueKind.String)]
    [InlineData("\"{\\\"a\\\":1}\"", JsonValueKind.Object)]
    [InlineData("\"1 2\"", JsonValueKind.String)]
    [InlineData("[1]", JsonValueKind.Array)]
    [InlineData("null", JsonValueKind.Null)]
    public void A_JSON_column_is_a_document_or_text_that_has_one(string json, JsonValueKind kind) =>
        Assert.Equal(kind, Parse<DocumentRow>($$"""{"id":1,"body":{{json}},"extra":null,"blob":""}""").Body.ValueKind);

    [Fact]
    public void Reading_allocates_nothing_but_the_record()
    {
        var json = """{"id":12,"other":[1,2,{"x":"y"}],"opened_on":"2024-01-31","long_text":"nobody asked for this"}"""u8;
        StrictRow.Parse(json);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            StrictRow.Parse(json);
        }
        Assert.Equal(24 * 1_000, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static T Parse<T>(string json)
        where T : class, IRow<T> => T.Parse(Encoding.UTF8.GetBytes(json));

    private static byte[] Json<T>(T row)
        where T : class, IRow<T>
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            T.Write(row, writer);
        }
        return stream.ToArray();
    }
}

[Row("tickets")]
public sealed partial record DatedRow([Key] long Id, DateOnly? ClosedOn);

[Row("dated")]
public sealed partial record StrictRow([Key] int Id, DateOnly OpenedOn);
