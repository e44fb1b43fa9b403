using System.IO.Hashing;
using System.Runtime.InteropServices;
using Millrace.MySql.Rows;
using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql.Capture;

/// <summary>One captured table as the stream meets it.</summary>
internal sealed class TableBinding(CapturedTable captured, ColumnRules? rules)
{
    public CapturedTable Captured => captured;

    public string Name => captured.Name;

    /// <summary>What of it is left out or masked; null where nothing is.</summary>
    public ColumnRules? Rules => rules;

    public byte[] Utf8Name { get; } = System.Text.Encoding.UTF8.GetBytes(captured.Name);

    /// <summary>As information_schema showed it last; null when it never did.</summary>
    public TableSchema? Schema { get; set; }

    /// <summary>Whether information_schema shows it now.</summary>
    public bool Exists { get; set; }

    /// <summary>The decoder that <see cref="Bound"/> was made for.</summary>
    public RowDecoder? Decoder { get; private set; }

    public BoundTable? Bound { get; private set; }

    /// <summary>The places of the key's columns.</summary>
    public int[] Key { get; private set; } = [];

    /// <summary>Its rows in the stream cannot be read until a definition comes that fits; a snapshot makes up for them.</summary>
    public bool IsUnreadable { get; set; }

    IReadOnlyList<string> _names = [];

    /// <summary>Ties the table to its columns, anew where they are not those of the last time.</summary>
    public BoundTable Bind(ICapture capture, IReadOnlyList<string> names, IReadOnlyList<Cascade> cascades)
    {
        if (Bound is not null && names.SequenceEqual(_names))
            return Bound;
        Bound = capture.Bind(captured, names, cascades);
        _names = [.. names];
        Key = KeyOf(names);
        Decoder = null;
        return Bound;
    }

    public void Use(RowDecoder decoder) => Decoder = decoder;

    /// <summary>After a change of the definition: the next rows bind again.</summary>
    public void Unbind()
    {
        Decoder = null;
        Bound = null;
    }

    /// <summary>Where among a table's columns the declared key's are.</summary>
    public int[] KeyOf(IReadOnlyList<string> names)
    {
        return [.. captured.KeyColumns.Select(Ordinal)];

        int Ordinal(string column)
        {
            for (var i = 0; i < names.Count; i++)
            {
                if (string.Equals(names[i], column, StringComparison.OrdinalIgnoreCase))
                    return i;
            }
            throw new SourceException(
                $"The table {Name} has no column {column}, which the application declares as its key. It has: {string.Join(", ", names)}."
            );
        }
    }

    /// <summary>A hash of a row's key that tells the keys of one table apart.</summary>
    public static UInt128 HashKey(in DecodedRow row, int[] key)
    {
        if (key.Length == 1)
            return XxHash128.HashToUInt128(row.Value(key[0]));
        Span<byte> parts = stackalloc byte[key.Length * 16];
        for (var i = 0; i < key.Length; i++)
            XxHash128.Hash(row.Value(key[i]), parts[(i * 16)..]);
        return XxHash128.HashToUInt128(parts);
    }

    /// <summary>The row as the core takes it.</summary>
    public static RowImage Image(in DecodedRow row) => new(row.Json, MemoryMarshal.Cast<CellRange, RowCell>(row.Cells));
}

/// <summary>The captured tables of one database, their definitions, and what stands in the way of them.</summary>
internal sealed class TableSet
{
    readonly ICapture _capture;
    readonly ServerFacts _server;
    readonly Dictionary<string, TableBinding> _tables;
    IReadOnlyList<TableSchema> _all = [];

    public TableSet(ICapture capture, ServerFacts server, string database, TableRules rules)
    {
        _capture = capture;
        _server = server;
        Database = database;
        _tables = capture.Tables.ToDictionary(
            table => table.Name,
            table => new TableBinding(table, rules.Of(table.Name)),
            server.IgnoresTableCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
        );
    }

    public string Database { get; }

    public IEnumerable<TableBinding> All => _tables.Values;

    /// <summary>The binding of a table; null where it is not captured.</summary>
    public TableBinding? Find(string database, string table) => IsDatabase(database) ? _tables.GetValueOrDefault(table) : null;

    public bool IsDatabase(string name) =>
        string.Equals(name, Database, _server.IgnoresTableCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    /// <summary>A schema for the decoder of rows; null where information_schema does not show the table.</summary>
    public TableSchema? SchemaOf(string database, string table) => Find(database, table)?.Schema;

    /// <summary>What of a table is left out or masked.</summary>
    public ColumnRules? RulesOf(string database, string table) => Find(database, table)?.Rules;

    /// <summary>Looks the definitions up. Returns the tables whose kept columns have another type than before: their rows were changed unlogged.</summary>
    public async Task<IReadOnlyList<TableBinding>> Refresh(MySqlConnection connection, CancellationToken ct)
    {
        _all = await SchemaReader.ReadAsync(connection, Database, null, ct);
        var changed = new List<TableBinding>();
        foreach (var table in _tables.Values)
        {
            var schema = _all.FirstOrDefault(s => Find(s.Database, s.Table) == table);
            if (schema is not null)
                RulesMustFit(table, schema);
            if (schema is not null && table.Schema is not null && HasOtherTypes(table.Schema, schema))
                changed.Add(table);
            table.Schema = schema ?? table.Schema;
            table.Exists = schema is not null;
            table.Unbind();
        }
        return changed;
    }

    /// <summary>A column that was renamed, or became part of the key, must not come as it stands. Somebody has to say what is meant.</summary>
    static void RulesMustFit(TableBinding table, TableSchema schema)
    {
        foreach (var column in table.Rules?.Columns ?? [])
        {
            var ordinal = schema.OrdinalIn(column);
            if (ordinal < 0 || schema.PrimaryKey.Contains(ordinal))
                throw new SourceException(
                    $"{schema.FullName}: the column {column} is to be left out or masked, and {(ordinal < 0 ? "there is none" : "it is part of the primary key")}. "
                        + "Nothing of the table is captured until the option says what is meant: correct its Exclude or Mask."
                );
        }
    }

    static bool HasOtherTypes(TableSchema before, TableSchema after) =>
        before.Columns.Any(column =>
            after.OrdinalOf(column.Name) is >= 0 and var ordinal
            && (after.Columns[ordinal].ColumnType != column.ColumnType || after.Columns[ordinal].Charset != column.Charset)
        );

    public BoundTable Bind(TableBinding table, IReadOnlyList<string> names) => table.Bind(_capture, names, CascadesOf(table));

    /// <summary>
    /// Foreign keys of other tables whose rows go, or change, with a row of this one. Whether the binlog has those rows each rows event says
    /// for itself (<see cref="RowsEventFlags"/>).
    /// </summary>
    IReadOnlyList<Cascade> CascadesOf(TableBinding table) =>
        [
            .. from child in _all
            from key in child.ForeignKeys
            where key.OnDelete is ReferentialAction.Cascade or ReferentialAction.SetNull
            where Find(key.ReferencedDatabase, key.ReferencedTable) == table
            select new Cascade(child.Table, key.Columns, key.OnDelete == ReferentialAction.SetNull),
        ];

    /// <summary>Whether rows of a table may go with rows of another.</summary>
    public bool Cascades(TableBinding parent, TableBinding child) =>
        CascadesOf(parent).Any(cascade => Find(Database, cascade.ChildTable) == child);
}

/// <summary>The flags of a rows event (the two bytes after the table id) that concern foreign keys.</summary>
internal static class RowsEventFlags
{
    const int NoForeignKeyChecks = 0x02;

    /// <summary>MySQL from 9.6: foreign keys were the SQL layer's, which logs what they do. In some sessions of 9.7.4 they still are InnoDB's.</summary>
    const int SqlForeignKeys = 0x10;

    /// <summary>Whether a deleted row took others with it that no event tells of.</summary>
    public static bool Cascades(ReadOnlySpan<byte> body) => (body[6] & (NoForeignKeyChecks | SqlForeignKeys)) == 0;
}
