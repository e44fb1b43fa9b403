using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Millrace.MySql.Rows;

/// <summary>Splits a binlog file into events: just enough for these tests, and no code of the client that reads servers.</summary>
public sealed class RecordedEvents
{
    readonly List<(byte Type, byte[] Body)> _events = [];

    public bool IsMariaDb { get; private set; }

    public IReadOnlyList<(byte Type, byte[] Body)> Events => _events;

    /// <summary>Bodies without header and checksum; a zstd transaction is unpacked.</summary>
    public static RecordedEvents Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        if (path.EndsWith(".gz", StringComparison.Ordinal))
        {
            using var unpacked = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress))
                gzip.CopyTo(unpacked);
            bytes = unpacked.ToArray();
        }
        var result = new RecordedEvents();
        result.Split(bytes.AsSpan(4), checksum: 0);
        return result;
    }

    void Split(ReadOnlySpan<byte> file, int checksum)
    {
        while (file.Length >= 19)
        {
            var type = file[4];
            var length = BinaryPrimitives.ReadInt32LittleEndian(file[9..]);
            if (length > file.Length)
                return; // recorded while it was written
            if (type == 15)
            {
                var version = Encoding.ASCII.GetString(file.Slice(21, 50)).TrimEnd('\0');
                IsMariaDb = version.Contains("MariaDB", StringComparison.Ordinal);
                var numbers = version
                    .Split('-')[0]
                    .Split('.')
                    .Select(part => int.Parse(part.AsSpan(0, Math.Min(2, part.Length))))
                    .ToArray();
                var announces = IsMariaDb || numbers[0] > 5 || numbers is [5, 6, >= 1] or [5, 7, ..];
                checksum = announces && file[length - 5] == 1 ? 4 : 0;
            }
            var body = file[19..(length - checksum)];
            if (type == 40)
                SplitPayload(body);
            else
                _events.Add((type, body.ToArray()));
            file = file[length..];
        }
    }

    void SplitPayload(ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        while (reader.Byte() is not 0 and var field)
        {
            var value = new WireReader(reader.LengthEncodedBytes());
            if (field == 2 && value.LengthEncoded() != 0)
                throw new InvalidDataException("A payload that is not zstd.");
        }
        using var decompressor = new ZstdSharp.Decompressor();
        Split(decompressor.Unwrap(reader.Take(reader.Remaining)), checksum: 0);
    }
}

/// <summary>A row as these tests keep it.</summary>
public sealed record RecordedRow(string Table, RowOperation Operation, string? Before, string? After);

public static class RecordedRows
{
    /// <summary>Decodes all rows of the tables that <paramref name="schemas"/> knows, or of all tables with full metadata.</summary>
    public static List<RecordedRow> Decode(this RecordedEvents events, IEnumerable<TableSchema> schemas, Func<TableMap, bool> wanted)
    {
        var known = schemas.ToDictionary(schema => schema.FullName);
        var decoders = new RowDecoders(events.IsMariaDb, (database, table) => known.GetValueOrDefault($"{database}.{table}"));
        var rows = new List<RecordedRow>();
        foreach (var (type, body) in events.Events)
        {
            if (type == 19)
                decoders.Take(body);
            if (type is not ((>= 23 and <= 25) or (>= 30 and <= 32)) || !wanted(decoders.MapOf(TableMap.IdOf(body))!))
                continue;
            var decoder = decoders.For(TableMap.IdOf(body));
            var reader = decoder.Read(type, body);
            while (reader.MoveNext())
            {
                CheckCells(decoder, reader.Before);
                CheckCells(decoder, reader.After);
                rows.Add(new(decoder.Map.Table, reader.Operation, Text(reader.Before), Text(reader.After)));
            }
        }
        return rows;
    }

    public static string? Text(DecodedRow row) => row.Json.IsEmpty ? null : Encoding.UTF8.GetString(row.Json);

    /// <summary>The ranges of the cells are those of the values in the JSON.</summary>
    static void CheckCells(RowDecoder decoder, DecodedRow row)
    {
        if (row.Json.IsEmpty)
            return;
        using var document = System.Text.Json.JsonDocument.Parse(row.Json.ToArray());
        var present = 0;
        for (var i = 0; i < decoder.ColumnNames.Count; i++)
            if (row.Cells[i].IsAbsent)
                Assert.False(document.RootElement.TryGetProperty(decoder.ColumnNames[i], out _));
            else
            {
                present++;
                Assert.Equal(document.RootElement.GetProperty(decoder.ColumnNames[i]).GetRawText(), Encoding.UTF8.GetString(row.Value(i)));
            }
        Assert.Equal(document.RootElement.EnumerateObject().Count(), present);
    }
}
