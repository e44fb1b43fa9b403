using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using CsCheck;
using Millrace.TestServers;

namespace Millrace.MySql.Rows;

/// <summary>A value as SQL writes it, and the check that its canonical JSON means the same. The check shares nothing with the product.</summary>
public sealed record Cell(string Sql, Action<JsonElement> Check)
{
    public override string ToString() => Sql.Length > 200 ? Sql[..200] + "…" : Sql;
}

public sealed record TypedColumn(string Name, string Type, Gen<Cell>? Values);

/// <summary>A table of every type that a business table uses, with random values of each.</summary>
public static class EveryType
{
    const string Everything = "aZ09 \"\\/\b\f\n\r\t\0\u0001\u001f\u007fé€ß中文😀𐍈\uffff\u2028";

    public static IReadOnlyList<TypedColumn> Columns(ServerKind kind)
    {
        var columns = new List<TypedColumn>();
        void Add(string type, Gen<Cell> values) =>
            columns.Add(new($"c{columns.Count:00} \"{type.Split(' ', '(')[0]}", type, Nullable(values)));

        Add("tinyint", Gen.SByte.Select(v => Raw($"{v}")));
        Add("tinyint unsigned", Gen.Byte.Select(v => Raw($"{v}")));
        Add("tinyint(1)", Gen.SByte.Select(v => Raw($"{v}")));
        Add("smallint", Gen.Short.Select(v => Raw($"{v}")));
        Add("smallint unsigned zerofill", Gen.UShort.Select(v => Raw($"{v}")));
        Add("mediumint", Gen.Int[-8388608, 8388607].Select(v => Raw($"{v}")));
        Add("mediumint unsigned", Gen.Int[0, 16777215].Select(v => Raw($"{v}")));
        Add("int", Gen.Int.Select(v => Raw($"{v}")));
        Add("int unsigned", Gen.UInt.Select(v => Raw($"{v}")));
        Add("bigint", Gen.OneOf(Gen.Long, Gen.Const(long.MinValue), Gen.Const(long.MaxValue)).Select(v => Raw($"{v}")));
        Add("bigint unsigned", Gen.OneOf(Gen.ULong, Gen.Const(ulong.MaxValue)).Select(v => Raw($"{v}")));
        foreach (var (precision, scale) in new[] { (1, 0), (10, 2), (18, 9), (20, 11), (65, 30), (38, 38 - 8), (5, 5) })
            Add($"decimal({precision},{scale})", Decimal(precision, scale));
        Add("decimal(9,3) unsigned zerofill", Decimal(9, 3, signed: false));
        Add("float", Gen.Float.Where(float.IsFinite).Select(v => new Cell(Sql(v), json => Assert.Equal(v == 0 ? 0 : v, json.GetSingle()))));
        Add(
            "float(9,3)",
            Gen.Int[-999999, 999999].Select(v => new Cell(Sql(v / 1000d), json => Assert.Equal(v / 1000f, json.GetSingle(), 1e-4f)))
        );
        Add(
            "double",
            Gen.Double.Where(double.IsFinite).Select(v => new Cell(Sql(v), json => Assert.Equal(v == 0 ? 0 : v, json.GetDouble())))
        );
        // MariaDB rounds to the fourth decimal by arithmetic and so may store a neighbour of the nearest double.
        Add("double(14,4)", Gen.Int.Select(v => new Cell(Sql(v / 10000d), json => Assert.Equal(v / 10000d, json.GetDouble(), 1e-9))));
        Add("bit(1)", Gen.Int[0, 1].Select(v => Raw($"{v}")));
        Add("bit(13)", Gen.Int[0, 8191].Select(v => Raw($"{v}")));
        Add("bit(64)", Gen.ULong.Select(v => Raw($"{v}")));
        Add("year", Gen.OneOf(Gen.Int[1901, 2155], Gen.Const(0)).Select(v => new Cell($"'{v:0000}'", Is($"{v}"))));

        Add("date", Dates.Select(d => new Cell($"'{d}'", Is($"\"{d}\""))));
        for (var digits = 0; digits <= 6; digits++)
        {
            var fraction = digits;
            Add($"datetime({digits})", DateTimes(fraction));
            Add($"timestamp({digits}) null", Timestamps(fraction));
            Add($"time({digits})", Times(fraction));
        }

        foreach (
            var (charset, repertoire) in new[]
            {
                ("utf8mb4", Everything),
                ("utf8mb3", "aé€中\uffff\"\\\n\u0000"),
                ("latin1", "aZ \"\\é€™ß\u0081\u009dÿ\n"),
                ("ascii", "aZ\u007f\"\\\n"),
                ("ucs2", "aé€中\uffff\"\\\n"),
                ("utf16", Everything),
                ("utf16le", Everything),
                ("utf32", Everything),
                ("latin2", "ačžŁ\""),
                ("cp1251", "aПривет№"),
                ("koi8u", "aПїєґ•"),
                ("cp866", "aПиⁿ²"),
                ("greek", "aΑβγ"),
                ("gbk", "a中文汉字"),
                ("euckr", "a한국어"),
                ("cp932", "a日本語ｱ"),
            }
        )
        {
            Add($"varchar(40) character set {charset}", Text(repertoire, 40, keepBlanks: true));
            Add($"char(20) character set {charset}", Text(repertoire, 20, keepBlanks: false));
        }
        Add("char(255) character set utf8mb4", Text(Everything, 255, keepBlanks: false));
        Add("varchar(300) character set utf8mb4", Text(Everything, 300, keepBlanks: true));
        Add("tinytext", Text(Everything, 50, keepBlanks: true));
        Add("text character set latin1", Text("aZ\"\\é€™ß", 500, keepBlanks: true));
        Add("mediumtext", Text(Everything, 1000, keepBlanks: true));
        Add("longtext", Text(Everything, 1000, keepBlanks: true));
        Add("binary(7)", Bytes(7, padTo: 7));
        Add("binary(255)", Bytes(255, padTo: 255));
        Add("varbinary(30)", Bytes(30));
        Add("varbinary(600)", Bytes(600));
        Add("tinyblob", Bytes(50));
        Add("blob", Bytes(3000));
        Add("mediumblob", Bytes(300));
        Add("longblob", Bytes(300));
        Add(
            "enum('open','it''s \\\\ \"closed\"','é,中','a\\nb') character set utf8mb4",
            Member("open", "it's \\ \"closed\"", "é,中", "a\nb")
        );
        Add("enum('a','ß','é') character set latin1", Member("a", "ß", "é"));
        Add(
            $"enum({string.Join(',', Enumerable.Range(0, 300).Select(i => $"'m{i}'"))})",
            Gen.Int[0, 299].Select(i => new Cell($"'m{i}'", Is($"\"m{i}\"")))
        );
        foreach (var members in new[] { 3, 12, 17, 27, 64 })
            Add($"set({string.Join(',', Enumerable.Range(0, members).Select(i => $"'ü{i}'"))})", Set(members));

        if (kind == ServerKind.MySql)
            Add("json", RandomJson.Cells);
        else
        {
            Add(
                "json",
                Gen.Const(new Cell("'{ \"b\": 1.0, \"a\" : [] }'", json => Assert.Equal("{ \"b\": 1.0, \"a\" : [] }", json.GetString())))
            );
            // MariaDB stores the time-based versions in another order, and takes no variant but RFC 4122's.
            Add(
                "uuid",
                Gen.Select(
                    Gen.Guid,
                    Gen.Int[1, 7],
                    Gen.OneOf('8', '9', 'a', 'b'),
                    (g, version, variant) => Uuid($"{g:D}"[..14] + version + $"{g:D}"[15..19] + variant + $"{g:D}"[20..])
                )
            );
            Add("inet4", Gen.Byte.Array[4].Select(v => new Cell($"'{new IPAddress(v)}'", Is($"\"{new IPAddress(v)}\""))));
            Add("inet6", Inet6);
        }
        columns.Add(new("stored sum", $"bigint as (id + 1) {(kind == ServerKind.MySql ? "stored" : "persistent")}", null));
        columns.Add(new("virtual text", "varchar(60) as (concat('é', id)) virtual", null));
        return columns;
    }

    static Cell Raw(string number) => new(number, Is(number));

    static Action<JsonElement> Is(string json) => element => Assert.Equal(json, element.GetRawText());

    static Cell Uuid(string text) => new($"'{text}'", Is($"\"{text}\""));

    static Gen<Cell> Nullable(Gen<Cell> values) => Gen.Frequency((9, values), (1, Gen.Const(new Cell("NULL", Is("null")))));

    static string Sql(double value) =>
        value.ToString("R", CultureInfo.InvariantCulture) is var text && text.Contains('E') ? text : text + "e0";

    static readonly Gen<string> Digits = Gen.Char['0', '9'].Array[65].Select(digits => new string(digits));

    static Gen<Cell> Decimal(int precision, int scale, bool signed = true) =>
        Gen.Select(
            Digits,
            Gen.Int[0, precision - scale],
            Gen.Bool,
            (digits, whole, negative) =>
            {
                var before = digits[..whole].TrimStart('0') is { Length: > 0 } some ? some : "0";
                var text = scale == 0 ? before : $"{before}.{digits.Substring(whole, scale)}";
                if (negative && signed && text.Any(c => c is >= '1' and <= '9'))
                    text = "-" + text;
                return new Cell(text, Is($"\"{text}\""));
            }
        );

    static readonly Gen<string> Dates = Gen.Frequency(
        (8, Gen.Select(Gen.Int[1000, 9999], Gen.Int[1, 12], Gen.Int[1, 28], (y, m, d) => $"{y:0000}-{m:00}-{d:00}")),
        (1, Gen.Const("0000-00-00")),
        (1, Gen.Const("2024-00-00")),
        (1, Gen.Const("9999-12-31"))
    );

    static readonly Gen<string> Clocks = Gen.Select(Gen.Int[0, 23], Gen.Int[0, 59], Gen.Int[0, 59], (h, m, s) => $"{h:00}:{m:00}:{s:00}");

    static Gen<string> Fractions(int digits) =>
        digits == 0 ? Gen.Const("") : Gen.Char['0', '9'].Array[digits].Select(fraction => "." + new string(fraction));

    static Gen<Cell> DateTimes(int digits) =>
        Gen.Select(
            Dates,
            Clocks,
            Fractions(digits),
            (date, clock, fraction) => new Cell($"'{date} {clock}{fraction}'", Is($"\"{date}T{clock}{fraction}\""))
        );

    static Gen<Cell> Timestamps(int digits) =>
        Gen.Frequency(
            (
                9,
                Gen.Select(
                    Gen.Long[1, int.MaxValue],
                    Fractions(digits),
                    (seconds, fraction) =>
                    {
                        var time = DateTimeOffset.FromUnixTimeSeconds(seconds);
                        return new Cell($"'{time:yyyy-MM-dd HH:mm:ss}{fraction}'", Is($"\"{time:yyyy-MM-ddTHH:mm:ss}{fraction}Z\""));
                    }
                )
            ),
            (
                1,
                Gen.Const(
                    new Cell("'0000-00-00 00:00:00'", Is($"\"0000-00-00T00:00:00{(digits == 0 ? "" : "." + new string('0', digits))}Z\""))
                )
            )
        );

    static Gen<Cell> Times(int digits) =>
        Gen.Select(
            Gen.Bool,
            Gen.Int[0, 837],
            Gen.Int[0, 59],
            Gen.Int[0, 59],
            Fractions(digits),
            (negative, h, m, s, fraction) =>
            {
                var text = $"{h:00}:{m:00}:{s:00}{fraction}";
                if (negative && text.Any(c => c is >= '1' and <= '9'))
                    text = "-" + text;
                return new Cell($"'{text}'", Is($"\"{text}\""));
            }
        );

    static Gen<Cell> Text(string repertoire, int max, bool keepBlanks)
    {
        var runes = repertoire.EnumerateRunes().ToArray();
        return Gen.OneOf(Gen.Int[0, Math.Min(20, max)], Gen.Int[0, max])
            .SelectMany(length => Gen.OneOf(runes).Array[length])
            .Select(chosen =>
            {
                var text = string.Concat(chosen);
                var kept = keepBlanks ? text : text.TrimEnd(' ');
                return new Cell(
                    $"_utf8mb4 X'{Convert.ToHexString(Encoding.UTF8.GetBytes(text))}'",
                    json => Assert.Equal(kept, json.GetString())
                );
            });
    }

    static Gen<Cell> Bytes(int max, int padTo = 0) =>
        Gen.Select(
            Gen.Byte.Array[0, max],
            Gen.Int[0, 3],
            (bytes, zeros) =>
            {
                bytes.AsSpan(Math.Max(0, bytes.Length - zeros)).Clear(); // zeros at the end are what the server strips
                var stored = new byte[Math.Max(bytes.Length, padTo)];
                bytes.CopyTo(stored, 0);
                return new Cell($"X'{Convert.ToHexString(bytes)}'", json => Assert.Equal(Convert.ToBase64String(stored), json.GetString()));
            }
        );

    static Gen<Cell> Member(params string[] members) =>
        Gen.Int[0, members.Length]
            .Select(i =>
                i == 0
                    ? new Cell("_utf8mb4 'no member at all'", json => Assert.Equal("", json.GetString())) // without strict mode: index 0
                    : new Cell(
                        $"_utf8mb4 X'{Convert.ToHexString(Encoding.UTF8.GetBytes(members[i - 1]))}'",
                        json => Assert.Equal(members[i - 1], json.GetString())
                    )
            );

    static Gen<Cell> Set(int members) =>
        Gen.ULong.Select(bits =>
        {
            var chosen = Enumerable.Range(0, members).Where(i => (bits >> i & 1) != 0).Select(i => $"ü{i}");
            var text = string.Join(',', chosen);
            return new Cell($"'{text}'", json => Assert.Equal(text, json.GetString()));
        });

    static readonly Gen<Cell> Inet6 = Gen.Select(
        Gen.Byte.Array[16],
        Gen.UShort,
        Gen.Int[0, 4],
        (bytes, zeros, like) =>
        {
            for (var word = 0; word < 8; word++)
                if ((zeros >> word & 1) != 0)
                    bytes[2 * word] = bytes[2 * word + 1] = 0;
            if (like == 1)
                bytes.AsSpan(0, 12).Clear();
            if (like == 2)
                bytes.AsSpan(0, 10).Clear();
            if (like == 2)
                bytes[10] = bytes[11] = 0xFF;
            var address = new IPAddress(bytes);
            return new Cell($"'{address}'", json => Assert.Equal(address, IPAddress.Parse(json.GetString()!)));
        }
    );
}
