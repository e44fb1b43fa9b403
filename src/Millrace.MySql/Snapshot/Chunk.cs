using System.Buffers;
using System.Runtime.InteropServices;
using Millrace.MySql.Binlog;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql.Snapshot;

/// <summary>Rows of a table between two keys, in canonical form, as they stood at some moment not after <see cref="High"/>.</summary>
internal sealed class Chunk
{
    readonly ArrayBufferWriter<byte> _json = new(64 * 1024);
    readonly List<RowCell> _cells = [];
    readonly List<(int Start, int Length, UInt128 Key)> _rows = [];
    int _width;

    /// <summary>The snapshot it belongs to.</summary>
    public required int Snapshot { get; init; }

    /// <summary>The columns of its rows.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>The key of its last row, as SQL literals; null when it is the last chunk.</summary>
    public IReadOnlyList<string>? Upper { get; init; }

    /// <summary>The stream must have been read up to here before these rows may be believed.</summary>
    public BinlogPosition High { get; set; }

    /// <summary>When it was read, microseconds since 1970.</summary>
    public required long Time { get; init; }

    public int Count => _rows.Count;

    public int Bytes => _json.WrittenCount;

    public void Add(in DecodedRow row, UInt128 key)
    {
        _width = row.Cells.Length;
        _rows.Add((_json.WrittenCount, row.Json.Length, key));
        _json.Write(row.Json);
        _cells.AddRange(MemoryMarshal.Cast<CellRange, RowCell>(row.Cells));
    }

    public UInt128 KeyOf(int row) => _rows[row].Key;

    public RowImage this[int row] =>
        new(_json.WrittenSpan.Slice(_rows[row].Start, _rows[row].Length), CollectionsMarshal.AsSpan(_cells).Slice(row * _width, _width));
}

/// <summary>The keys of a table that the stream has touched since a chunk of it was asked for.</summary>
internal class ChunkWindow
{
    readonly HashSet<UInt128> _touched = [];

    /// <summary>The table was emptied, or became another, meanwhile: the chunk is worth nothing.</summary>
    public bool IsVoid { get; set; }

    public void Touch(UInt128 key) => _touched.Add(key);

    public bool Contains(UInt128 key) => _touched.Contains(key);
}
