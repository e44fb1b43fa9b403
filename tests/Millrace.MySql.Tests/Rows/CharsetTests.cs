using System.Text;
using Millrace.TestServers;

namespace Millrace.MySql.Rows;

public class CharsetTests
{
    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Every_character_of_a_single_byte_charset_is_the_server_s(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        foreach (
            var name in "latin1 latin2 latin5 latin7 cp850 cp852 cp866 cp1250 cp1251 cp1256 cp1257 koi8r koi8u greek hebrew macce macroman ascii".Split(
                ' '
            )
        )
        {
            var charset = Charset.Find(name)!;
            var select = Enumerable.Range(0, 256).Select(b => $"HEX(CONVERT(_{name} X'{b:X2}' USING utf8mb4))");
            var row = Assert.Single(await server.QueryAsync($"SELECT {string.Join(", ", select)}"));
            for (var b = 0; b < 256; b++)
            {
                var theirs = Encoding.UTF8.GetString(Convert.FromHexString((string)row[b]!));
                if (theirs == "?" && b != '?')
                    continue; // no character of this set, so no column has it
                Assert.True(theirs == Ours(charset, [(byte)b]), $"{name} {b:X2}: the server says {theirs}");
            }
        }
    }

    [Theory]
    [InlineData(ServerKind.MariaDb)]
    [InlineData(ServerKind.MySql)]
    public async Task Every_character_of_a_double_byte_charset_is_the_server_s_or_refused(ServerKind kind)
    {
        var server = await DatabaseServer.SharedAsync(kind);
        var depth =
            kind == ServerKind.MySql ? "SET SESSION cte_max_recursion_depth = 100000" : "SET SESSION max_recursive_iterations = 100000";
        foreach (var (name, atLeast) in new[] { ("gbk", 21000), ("gb2312", 7000), ("euckr", 8000), ("cp932", 7000) })
        {
            var charset = Charset.Find(name)!;
            var rows = await server.QueryAsync(
                $"{depth}; WITH RECURSIVE n AS (SELECT 33024 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 65278) "
                    + $"SELECT i, HEX(CONVERT(CONVERT(UNHEX(HEX(i)) USING {name}) USING utf8mb4)) FROM n"
            );
            var same = 0;
            foreach (var row in rows)
            {
                var pair = Convert.ToInt32(row[0]);
                var theirs = row[1] is string hex ? Encoding.UTF8.GetString(Convert.FromHexString(hex)) : "?";
                if (theirs.Contains('?') || theirs.EnumerateRunes().Count() != 1)
                    continue; // not one character of this set
                var ours = Ours(charset, [(byte)(pair >> 8), (byte)pair]);
                Assert.True(ours is null || ours == theirs, $"{name} {pair:X4}: the server says {theirs}, here it is {ours}");
                same += ours is null ? 0 : 1;
            }
            Assert.True(same > atLeast, $"{name}: {same} characters");
        }
    }

    /// <summary>Null where the text is refused.</summary>
    static string? Ours(Charset charset, byte[] text)
    {
        try
        {
            return Encoding.UTF8.GetString(charset.ToUtf8(text));
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
