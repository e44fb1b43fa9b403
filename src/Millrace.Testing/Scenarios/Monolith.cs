using System.Text;

namespace Millrace.Testing;

/// <summary>
/// The tables as the monolith has them, so that an update or a deletion has a row before, as in a binlog, and a mistake in a test is found where
/// it is made.
/// </summary>
internal sealed class Monolith
{
    private readonly Dictionary<string, SortedDictionary<string, byte[]>> _tables = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RowDefinition> _definitions = new(StringComparer.Ordinal);

    /// <summary>Children that go, unlogged, with their parent.</summary>
    public List<RowDefinition> Cascades { get; } = [];

    public IReadOnlyCollection<byte[]> Rows(string table) => Table(table).Values;

    public RowDefinition? Definition(string table) => _definitions.GetValueOrDefault(table);

    public void Know(RowDefinition definition) => _definitions[definition.Table] = definition;

    /// <summary>Does it to the tables.</summary>
    /// <returns>What a binlog would have of it.</returns>
    /// <exception cref="ScenarioException">The database would refuse it.</exception>
    public IEnumerable<LoggedChange> Do(RowOp op)
    {
        Know(op.Table);
        var rows = Table(op.Table.Table);
        var key = RowJson.Key(op.Table, op.Row);
        var from = op.From is null ? key : RowJson.Key(op.Table, op.From);
        var before = rows.GetValueOrDefault(from);
        switch (op.Kind)
        {
            case RowOpKind.Insert when before is not null:
                throw new ScenarioException($"{op.Table.Table} {key} is there already. Update or replace it.");
            case RowOpKind.Update or RowOpKind.Delete when before is null:
                throw new ScenarioException(
                    $"There is no {op.Table.Table} {from} to {(op.Kind == RowOpKind.Update ? "update" : "delete")}. Insert it first."
                );
            case RowOpKind.Update when from != key && rows.ContainsKey(key):
                throw new ScenarioException($"{op.Table.Table} {key} is there already; {from} cannot take its key.");
            default:
                return Log(op, rows, from, key, before);
        }
    }

    /// <summary>A table has these rows and no others, and nobody logged how it came to that.</summary>
    public void Become(RowDefinition table, IEnumerable<byte[]> rows)
    {
        Know(table);
        var all = Table(table.Table);
        all.Clear();
        foreach (var row in rows)
        {
            all[RowJson.Key(table, row)] = row;
        }
    }

    private List<LoggedChange> Log(RowOp op, SortedDictionary<string, byte[]> rows, string from, string key, byte[]? before)
    {
        var changes = new List<LoggedChange>();
        if (op.Kind == RowOpKind.Replace && before is not null)
        {
            changes.Add(new(op.Table.Table, before, null, op.Columns));
        }
        rows.Remove(from);
        if (op.Kind == RowOpKind.Delete)
        {
            changes.Add(new(op.Table.Table, before, null, op.Columns));
            Cascade(op.Table, before!);
            return changes;
        }
        var after = before is null ? op.Row : Unmapped(op.Row, before);
        rows[key] = after;
        changes.Add(new(op.Table.Table, op.Kind == RowOpKind.Update ? before : null, after, op.Columns));
        return changes;
    }

    // A column that the record does not map keeps its value.
    private static byte[] Unmapped(byte[] row, byte[] before)
    {
        var merged = new System.Buffers.ArrayBufferWriter<byte>();
        RowComparison.Merge(before, row, merged);
        return merged.WrittenSpan.ToArray();
    }

    private void Cascade(RowDefinition parent, byte[] row)
    {
        var key = RowJson.Key(parent, row);
        foreach (var child in Cascades.Where(child => child.Parent?.Definition.Table == parent.Table))
        {
            var children = Table(child.Table);
            foreach (
                var (childKey, childRow) in children.Where(entry => RowJson.Values(entry.Value, child.Parent!.Columns) == key).ToList()
            )
            {
                children.Remove(childKey);
                Cascade(child, childRow);
            }
        }
    }

    private SortedDictionary<string, byte[]> Table(string name)
    {
        if (!_tables.TryGetValue(name, out var rows))
        {
            _tables.Add(name, rows = new SortedDictionary<string, byte[]>(StringComparer.Ordinal));
        }
        return rows;
    }
}

/// <summary>One row change as a binlog has it.</summary>
/// <param name="Table">The table.</param>
/// <param name="Before">The row before; null for an insert.</param>
/// <param name="After">The row after; null for a delete.</param>
/// <param name="Columns">The columns of the images; null for all.</param>
internal sealed record LoggedChange(string Table, byte[]? Before, byte[]? After, IReadOnlyList<string>? Columns);

/// <summary>A source transaction, kept so that it can be read again.</summary>
internal sealed record LoggedTransaction(
    string Id,
    Millrace.Sources.SourcePosition Position,
    long Time,
    IReadOnlyList<LoggedChange> Changes
);
