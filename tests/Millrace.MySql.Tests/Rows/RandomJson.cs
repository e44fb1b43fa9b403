using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;

namespace Millrace.MySql.Rows;

/// <summary>Random documents for MySQL's JSON type, those with values that only SQL functions can make among them.</summary>
static class RandomJson
{
    static readonly Gen<string> Strings = Gen.OneOf(
        Gen.OneOf("aZ\"\\/\b\n\u0001é中😀".EnumerateRunes().ToArray()).Array[0, 12].Select(runes => string.Concat(runes)),
        Gen.OneOf("aé").Array[100, 300].Select(runes => string.Concat(runes))
    );

    static readonly Gen<JsonNode?> Leaves = Gen.OneOf(
        Strings.Select(text => (JsonNode?)JsonValue.Create(text)),
        Gen.Long.Select(value => (JsonNode?)JsonValue.Create(value)),
        Gen.ULong.Select(value => (JsonNode?)JsonValue.Create(value)),
        Gen.Int[-70000, 70000].Select(value => (JsonNode?)JsonValue.Create(value)),
        Gen.Double.Where(double.IsFinite).Select(value => (JsonNode?)JsonValue.Create(value)),
        Gen.Int[-1000, 1000].Select(value => (JsonNode?)JsonValue.Create(value / 8.0)),
        Gen.Bool.Select(value => (JsonNode?)JsonValue.Create(value)),
        Gen.Const((JsonNode?)null)
    );

    static Gen<JsonNode?> Nodes(int depth) =>
        depth == 0
            ? Leaves
            : Gen.Frequency(
                (2, Leaves),
                (1, Nodes(depth - 1).Array[0, 6].Select(items => (JsonNode?)new JsonArray([.. items.Select(Copy)]))),
                (
                    1,
                    Gen.Select(Strings, Nodes(depth - 1))
                        .Array[0, 6]
                        .Select(pairs =>
                        {
                            var result = new JsonObject();
                            foreach (var (key, value) in pairs)
                                result[key] = Copy(value);
                            return (JsonNode?)result;
                        })
                )
            );

    static JsonNode? Copy(JsonNode? node) => node?.DeepClone();

    static readonly Gen<Cell> Documents = Nodes(3)
        .Select(node =>
        {
            var text = node?.ToJsonString() ?? "null";
            return new Cell(
                $"CAST(CONVERT(X'{Convert.ToHexString(Encoding.UTF8.GetBytes(text))}' USING utf8mb4) AS JSON)",
                json => Same(JsonDocument.Parse(text).RootElement, json)
            );
        });

    /// <summary>A document of more than 64 KiB has four-byte offsets.</summary>
    static readonly Gen<Cell> Large = Gen.Int[0, 9]
        .Select(digit =>
        {
            var text =
                $"{{\"a\":[{string.Join(',', Enumerable.Range(0, 3000).Select(i => $"\"{digit} is the digit and {i} the number\""))},{int.MaxValue},7,true]}}";
            return new Cell($"'{text}'", json => Same(JsonDocument.Parse(text).RootElement, json));
        });

    static readonly Gen<Cell> Opaque = Gen.Select(
        Gen.Int,
        Gen.Int[0, 999999],
        (number, micros) =>
        {
            var decimals = $"{number}.{micros:000000}";
            var expected =
                $"{{\"b\":\"base64:type15:AQI=\",\"d\":{Plain(decimals)},\"t\":\"-25:34:56.{micros:000000}\",\"dt\":\"2024-02-29 12:34:56.{micros:000000}\",\"day\":\"2024-02-29\"}}";
            return new Cell(
                $"JSON_OBJECT('d', CAST({decimals} AS DECIMAL(30,6)), 't', CAST('-25:34:56.{micros:000000}' AS TIME(6)), "
                    + $"'dt', CAST('2024-02-29 12:34:56.{micros:000000}' AS DATETIME(6)), 'day', CAST('2024-02-29' AS DATE), 'b', X'0102')",
                json => Assert.Equal(expected, json.GetRawText())
            );
        }
    );

    public static readonly Gen<Cell> Cells = Gen.Frequency((20, Documents), (1, Large), (5, Opaque));

    static string Plain(string decimals) =>
        decimal.Parse(decimals, CultureInfo.InvariantCulture) is 0
            ? "0"
            : (decimal.Parse(decimals, CultureInfo.InvariantCulture) / 1.0000000000000000000000000000m).ToString(
                CultureInfo.InvariantCulture
            );

    static void Same(JsonElement expected, JsonElement actual)
    {
        Assert.Equal(expected.ValueKind, actual.ValueKind);
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object:
                // Of a key that comes twice the last counts; the server's order is its own.
                var members = new Dictionary<string, JsonElement>();
                foreach (var member in expected.EnumerateObject())
                    members[member.Name] = member.Value;
                Assert.Equal(members.Count, actual.EnumerateObject().Count());
                foreach (var member in actual.EnumerateObject())
                    Same(members[member.Name], member.Value);
                break;
            case JsonValueKind.Array:
                Assert.Equal(expected.GetArrayLength(), actual.GetArrayLength());
                foreach (var (one, other) in expected.EnumerateArray().Zip(actual.EnumerateArray()))
                    Same(one, other);
                break;
            case JsonValueKind.Number:
                if (expected.TryGetDecimal(out var whole) && decimal.Truncate(whole) == whole && !expected.GetRawText().Contains('E'))
                    Assert.Equal(expected.GetRawText(), actual.GetRawText());
                Assert.Equal(expected.GetDouble(), actual.GetDouble());
                break;
            case JsonValueKind.String:
                Assert.Equal(expected.GetString(), actual.GetString());
                break;
        }
    }
}
