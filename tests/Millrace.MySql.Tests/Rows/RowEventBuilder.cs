using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>Event bodies by hand, byte by byte as the servers' headers describe them.</summary>
sealed class RowEventBuilder
{
    readonly List<byte> _bytes = [];

    public RowEventBuilder Add(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public RowEventBuilder Text(string text) => Add(Encoding.UTF8.GetBytes(text));

    public byte[] Body => [.. _bytes];

    /// <summary>A TABLE_MAP of table <c>shop.t</c> with id 7 and no optional metadata but what <paramref name="optional"/> has.</summary>
    public static byte[] TableMap(byte[] types, byte[] metadata, params byte[] optional) =>
        new RowEventBuilder()
            .Add(7, 0, 0, 0, 0, 0, 1, 0)
            .Add(4)
            .Text("shop\0")
            .Add(1)
            .Text("t\0")
            .Add((byte)types.Length)
            .Add(types)
            .Add((byte)metadata.Length)
            .Add(metadata)
            .Add(new byte[(types.Length + 7) / 8])
            .Add(optional)
            .Body;

    /// <summary>A rows event v2 of table id 7: <paramref name="rest"/> is the bitmaps and rows.</summary>
    public static byte[] Rows(int columns, params byte[] rest) =>
        new RowEventBuilder().Add(7, 0, 0, 0, 0, 0, 1, 0, 2, 0).Add((byte)columns).Add(rest).Body;
}
