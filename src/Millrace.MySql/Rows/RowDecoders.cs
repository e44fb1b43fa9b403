namespace Millrace.MySql.Rows;

/// <summary>
/// The decoders of one stream, by table id. A TABLE_MAP comes before every statement's rows; one that is known costs a comparison of bytes, and a
/// decoder is made when the first rows of its table are wanted, so tables that nobody reads may have any type.
/// </summary>
/// <param name="mariaDb">Whether the server is MariaDB.</param>
/// <param name="schemas">The schema of a table (database, table), or null where the binlog's own metadata must do.</param>
/// <param name="rules">The columns of a table to leave out or mask (database, table), or null for none.</param>
public sealed class RowDecoders(bool mariaDb, Func<string, string, TableSchema?> schemas, Func<string, string, ColumnRules?>? rules = null)
{
    readonly Dictionary<ulong, Entry> _entries = [];

    /// <summary>Takes a TABLE_MAP.</summary>
    /// <param name="body">The event without its header and checksum.</param>
    /// <returns>The table map, parsed now or before.</returns>
    /// <exception cref="MalformedRowsException">The bytes are no TABLE_MAP.</exception>
    public TableMap Take(ReadOnlySpan<byte> body)
    {
        var id = TableMap.IdOf(body);
        if (_entries.TryGetValue(id, out var entry) && body.SequenceEqual(entry.Body))
            return entry.Map;
        entry = new(TableMap.Parse(body, mariaDb), body.ToArray());
        _entries[id] = entry;
        return entry.Map;
    }

    /// <summary>The table map of a rows event; null when none was taken, as after a start in the middle of a statement.</summary>
    /// <param name="tableId">The id that begins the rows event's body.</param>
    public TableMap? MapOf(ulong tableId) => _entries.TryGetValue(tableId, out var entry) ? entry.Map : null;

    /// <summary>The decoder of a table id that was taken.</summary>
    /// <param name="tableId">The id that begins the rows event's body.</param>
    /// <exception cref="KeyNotFoundException">No TABLE_MAP with this id was taken.</exception>
    /// <exception cref="SchemaMismatchException">The schema does not fit: read it again, then call <see cref="Forget"/> and try once more.</exception>
    /// <exception cref="UnsupportedColumnException">A column has no canonical form.</exception>
    public RowDecoder For(ulong tableId)
    {
        var entry = _entries[tableId];
        return entry.Decoder ??= RowDecoder.Bind(
            entry.Map,
            schemas(entry.Map.Database, entry.Map.Table),
            rules?.Invoke(entry.Map.Database, entry.Map.Table)
        );
    }

    /// <summary>Drops the decoders, not the table maps: after a DDL statement, or when a schema was read again.</summary>
    public void Forget()
    {
        foreach (var entry in _entries.Values)
            entry.Decoder = null;
    }

    /// <summary>Drops everything: table ids mean nothing after a rotation of the binlog or a new connection.</summary>
    public void Clear() => _entries.Clear();

    sealed record Entry(TableMap Map, byte[] Body)
    {
        public RowDecoder? Decoder { get; set; }
    }
}
