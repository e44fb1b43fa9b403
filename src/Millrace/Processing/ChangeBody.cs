using System.Text;

namespace Millrace;

/// <summary>What a change asks of the mirror.</summary>
internal enum ChangeOp : byte
{
    /// <summary>The row is there.</summary>
    Put = (byte)'p',

    /// <summary>The row is gone.</summary>
    Delete = (byte)'d',

    /// <summary>The row came from another entity.</summary>
    Joined = (byte)'j',

    /// <summary>The row went to another entity.</summary>
    Left = (byte)'l',
}

/// <summary>
/// One change in a command's body. The body is a JSON array of
/// <c>{"table":"replies","op":"p","key":[5],"row":{…}}</c>, in this order of members; <c>"partial":1</c> follows where the row lacks columns, and
/// <c>"cascade":["replies"]</c> where a deleted root takes children with it that the database does not log.
/// </summary>
internal readonly ref struct ChangeBody
{
    public ReadOnlySpan<byte> Table { get; init; }
    public ChangeOp Op { get; init; }
    public ReadOnlySpan<byte> Key { get; init; }
    public ReadOnlySpan<byte> Row { get; init; }
    public bool Partial { get; init; }
    public ReadOnlySpan<byte> Cascade { get; init; }

    /// <summary>Reads the change at <paramref name="at"/> and goes past it; false at the end of the body.</summary>
    public static bool Next(ReadOnlySpan<byte> body, ref int at, out ChangeBody change)
    {
        if (at == 0)
        {
            at = 1;
        }
        else if (body[at] == (byte)',')
        {
            at++;
        }
        if (at >= body.Length || body[at] == (byte)']')
        {
            change = default;
            return false;
        }
        at++;
        var table = Member(body, ref at, "\"table\":"u8);
        var op = Member(body, ref at, "\"op\":"u8);
        var key = Member(body, ref at, "\"key\":"u8);
        var row = Member(body, ref at, "\"row\":"u8);
        var partial = Optional(body, ref at, "\"partial\":"u8);
        var cascade = Optional(body, ref at, "\"cascade\":"u8);
        if (body[at] != (byte)'}')
        {
            throw JsonScan.Broken(body[at..]);
        }
        at++;
        change = new ChangeBody
        {
            Table = table[1..^1],
            Op = (ChangeOp)op[1],
            Key = key,
            Row = row,
            Partial = !partial.IsEmpty,
            Cascade = cascade,
        };
        return true;
    }

    public string TableName => Encoding.UTF8.GetString(Table);

    private static ReadOnlySpan<byte> Member(ReadOnlySpan<byte> body, ref int at, ReadOnlySpan<byte> name)
    {
        var value = Optional(body, ref at, name);
        return value.IsEmpty ? throw JsonScan.Broken(body[at..]) : value;
    }

    private static ReadOnlySpan<byte> Optional(ReadOnlySpan<byte> body, ref int at, ReadOnlySpan<byte> name)
    {
        var from = body[at] == (byte)',' ? at + 1 : at;
        if (!body[from..].StartsWith(name))
        {
            return default;
        }
        var start = from + name.Length;
        at = JsonScan.EndOfValue(body, start);
        return body[start..at];
    }
}
