using System.Text.Json;
using System.Text.Json.Serialization;
using Millrace.Engines;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql.Position;

/// <summary>Where a source stands; committed with the commands of everything before it.</summary>
internal sealed record SavedPosition
{
    /// <summary>Counts how often the source began anew.</summary>
    public required int Epoch { get; init; }

    /// <summary>The server's identity (its uuid, as far as it has one).</summary>
    public required string Server { get; init; }

    /// <summary>Our id as a replica.</summary>
    public required uint ReplicaId { get; init; }

    /// <summary>What to add to a binlog file's number so that it grows on when another server takes over.</summary>
    public long FileShift { get; init; }

    /// <summary>The file to read on in.</summary>
    public required string File { get; init; }

    /// <summary>The offset to read on at: a transaction begins there.</summary>
    public required ulong Offset { get; init; }

    /// <summary>When the file was begun, by its first event, in seconds; 0 when not known. A rebuilt server has other files of the same name.</summary>
    public uint FileCreated { get; init; }

    /// <summary>All transactions before, as a GTID set of the server's kind; null where it has none.</summary>
    public string? Gtids { get; init; }

    /// <summary>The last id given to a snapshot.</summary>
    public int Snapshot { get; init; }

    /// <summary>Whether it was said in this epoch that every table has been snapshotted once.</summary>
    public bool AllSnapshotsEnded { get; init; }

    /// <summary>The transaction of which a part is committed already; null for none.</summary>
    public SavedPart? Part { get; init; }
}

/// <summary>How much of a large transaction is committed.</summary>
/// <param name="File">Where the transaction begins.</param>
/// <param name="Offset">Where the transaction begins.</param>
/// <param name="RowsEvents">How many of its rows events are committed.</param>
/// <param name="Parts">In how many parts.</param>
internal sealed record SavedPart(string File, ulong Offset, int RowsEvents, int Parts);

/// <summary>How far a table's snapshot is.</summary>
/// <param name="Epoch">The epoch in which it was begun.</param>
/// <param name="Snapshot">Its id.</param>
/// <param name="Chunks">How many chunks are committed.</param>
/// <param name="After">The key of the last row they cover, as SQL literals; null before the first.</param>
/// <param name="Rows">How many rows they had.</param>
/// <param name="Ended">Whether that was all.</param>
internal sealed record SavedTable(int Epoch, int Snapshot, int Chunks, IReadOnlyList<string>? After, long Rows, bool Ended);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault
)]
[JsonSerializable(typeof(SavedPosition))]
[JsonSerializable(typeof(SavedTable))]
[JsonSerializable(typeof(TableSchema))]
internal sealed partial class SavedJson : JsonSerializerContext;

/// <summary>The keys under which a source saves, and their values as JSON.</summary>
internal static class SavedState
{
    static readonly byte[] PositionKey = [.. "position"u8];
    static readonly byte[] TablePrefix = [.. "table/"u8];
    static readonly byte[] TableEnd = [.. "table0"u8];
    static readonly byte[] SchemaPrefix = [.. "schema/"u8];

    public static SavedPosition? Position(IStateReader saved) =>
        saved.TryGet(PositionKey, out var value) ? JsonSerializer.Deserialize(value, SavedJson.Default.SavedPosition) : null;

    public static Dictionary<string, SavedTable> Tables(IStateReader saved)
    {
        var tables = new Dictionary<string, SavedTable>();
        using var cursor = saved.Range(TablePrefix, TableEnd);
        while (cursor.MoveNext())
        {
            var name = System.Text.Encoding.UTF8.GetString(cursor.Key[TablePrefix.Length..]);
            tables[name] = JsonSerializer.Deserialize(cursor.Value, SavedJson.Default.SavedTable)!;
        }
        return tables;
    }

    public static void Save(ICaptureBatch batch, SavedPosition position) =>
        batch.Save(PositionKey, JsonSerializer.SerializeToUtf8Bytes(position, SavedJson.Default.SavedPosition));

    public static void Save(ICaptureBatch batch, string table, SavedTable state) =>
        batch.Save(Key(TablePrefix, table), JsonSerializer.SerializeToUtf8Bytes(state, SavedJson.Default.SavedTable));

    public static void Forget(ICaptureBatch batch, string table) => batch.Forget(Key(TablePrefix, table));

    public static void ForgetSchema(ICaptureBatch batch, string table) => batch.Forget(Key(SchemaPrefix, table));

    /// <summary>The definition that was in force at the saved position; rows from there on are read by it until the stream tells of a change.</summary>
    public static TableSchema? Schema(IStateReader saved, string table) =>
        saved.TryGet(Key(SchemaPrefix, table), out var value) ? JsonSerializer.Deserialize(value, SavedJson.Default.TableSchema) : null;

    public static void Save(ICaptureBatch batch, string table, TableSchema schema) =>
        batch.Save(Key(SchemaPrefix, table), JsonSerializer.SerializeToUtf8Bytes(schema, SavedJson.Default.TableSchema));

    static byte[] Key(byte[] prefix, string table) => [.. prefix, .. System.Text.Encoding.UTF8.GetBytes(table)];
}
