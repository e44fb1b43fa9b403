namespace Millrace.MySql.Rows;

/// <summary>What happens to a child row when its parent's key goes or moves.</summary>
public enum ReferentialAction
{
    /// <summary>The parent's change is refused (also NO ACTION, which InnoDB treats alike).</summary>
    Restrict,

    /// <summary>The child follows.</summary>
    Cascade,

    /// <summary>The child's columns become NULL.</summary>
    SetNull,

    /// <summary>The child's columns take their default. InnoDB refuses to make such a key.</summary>
    SetDefault,
}

/// <summary>A foreign key of a table.</summary>
/// <param name="Name">The constraint's name.</param>
/// <param name="Columns">The child's columns, in the key's order.</param>
/// <param name="ReferencedDatabase">The database of the parent.</param>
/// <param name="ReferencedTable">The parent.</param>
/// <param name="ReferencedColumns">The parent's columns, in the key's order.</param>
/// <param name="OnDelete">What happens when the parent goes.</param>
/// <param name="OnUpdate">What happens when the parent's key changes.</param>
public sealed record ForeignKey(
    string Name,
    IReadOnlyList<string> Columns,
    string ReferencedDatabase,
    string ReferencedTable,
    IReadOnlyList<string> ReferencedColumns,
    ReferentialAction OnDelete,
    ReferentialAction OnUpdate
);

/// <summary>A column as information_schema shows it.</summary>
public sealed record ColumnSchema
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The bare type in lower case, such as <c>bigint</c>, <c>varchar</c>, <c>enum</c>.</summary>
    public required string DataType { get; init; }

    /// <summary>The whole type, such as <c>bigint(20) unsigned</c>.</summary>
    public required string ColumnType { get; init; }

    /// <summary>Whether the numbers have no sign.</summary>
    public bool Unsigned { get; init; }

    /// <summary>The charset of a character, ENUM or SET column; null for others.</summary>
    public string? Charset { get; init; }

    /// <summary>Octets at most, of CHAR, VARCHAR, BINARY, VARBINARY and blobs; null for others.</summary>
    public long? MaxOctets { get; init; }

    /// <summary>Digits of a DECIMAL, bits of a BIT; null where the type has none.</summary>
    public int? Precision { get; init; }

    /// <summary>Digits after a DECIMAL's point; null where the type has none.</summary>
    public int? Scale { get; init; }

    /// <summary>Digits of fraction of a TIME, DATETIME or TIMESTAMP; null for others.</summary>
    public int? FractionDigits { get; init; }

    /// <summary>Whether the column takes NULL.</summary>
    public bool Nullable { get; init; }

    /// <summary>Whether the value is computed from other columns.</summary>
    public bool Generated { get; init; }

    /// <summary>The members of an ENUM or SET in their order; null for others.</summary>
    public IReadOnlyList<string>? Members { get; init; }
}

/// <summary>A table as information_schema shows it.</summary>
/// <param name="Database">The database.</param>
/// <param name="Table">The table.</param>
/// <param name="Columns">The columns in the table's order.</param>
/// <param name="PrimaryKey">Ordinals, from 0, of the primary key's columns in the key's order; empty without a primary key.</param>
/// <param name="ForeignKeys">The foreign keys of this table to others.</param>
public sealed record TableSchema(
    string Database,
    string Table,
    IReadOnlyList<ColumnSchema> Columns,
    IReadOnlyList<int> PrimaryKey,
    IReadOnlyList<ForeignKey> ForeignKeys
)
{
    /// <summary><c>database.table</c>.</summary>
    public string FullName => $"{Database}.{Table}";

    /// <summary>The ordinal, from 0, of a column; -1 when there is none of that name.</summary>
    /// <param name="column">The name, in the case of the table.</param>
    public int OrdinalOf(string column)
    {
        for (var i = 0; i < Columns.Count; i++)
            if (Columns[i].Name == column)
                return i;
        return -1;
    }

    /// <summary>The ordinal, from 0, of a column whatever its case, as the servers find it; -1 when there is none of that name.</summary>
    internal int OrdinalIn(string column)
    {
        for (var i = 0; i < Columns.Count; i++)
            if (string.Equals(Columns[i].Name, column, StringComparison.OrdinalIgnoreCase))
                return i;
        return -1;
    }
}
