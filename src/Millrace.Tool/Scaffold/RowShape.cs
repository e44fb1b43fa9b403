using System.Text;
using Millrace.MySql.Rows;

namespace Millrace.Tool.Scaffold;

/// <summary>A property of a row record.</summary>
internal sealed record RowProperty(ColumnSchema Column, ColumnShape Shape, string Name, bool IsKey, bool IsParent)
{
    public string Type => Shape.Type + (Column.Nullable ? "?" : "");
}

/// <summary>A table as a row record.</summary>
internal sealed class RowShape
{
    public required TableSchema Table { get; init; }

    /// <summary>Singular, such as <c>Ticket</c>.</summary>
    public required string Entity { get; init; }

    public string Record => Entity + "Row";

    /// <summary>The root that this is a child of; null for the root.</summary>
    public RowShape? Root { get; init; }

    public ForeignKey? ToRoot { get; init; }

    /// <summary>The key's columns in the key's order, then the others in the table's.</summary>
    public required IReadOnlyList<RowProperty> Properties { get; init; }

    public required IReadOnlyList<ColumnSchema> LeftOut { get; init; }

    public static RowShape Of(TableSchema table, RowShape? root = null, ForeignKey? toRoot = null)
    {
        if (table.PrimaryKey.Count == 0)
            throw new UsageException(
                $"{table.FullName} has no primary key, so its rows cannot be told apart; `millrace doctor` says what to do"
            );
        var ordinals = table.PrimaryKey.Concat(Enumerable.Range(0, table.Columns.Count).Except(table.PrimaryKey));
        var (properties, leftOut, names) = (new List<RowProperty>(), new List<ColumnSchema>(), new HashSet<string>());
        foreach (var ordinal in ordinals)
        {
            var column = table.Columns[ordinal];
            if (ColumnShape.Of(column) is not { } shape)
            {
                leftOut.Add(column);
                continue;
            }
            var name = Naming.Property(column.Name, names);
            names.Add(name);
            properties.Add(new(column, shape, name, table.PrimaryKey.Contains(ordinal), toRoot?.Columns.Contains(column.Name) ?? false));
        }
        return new()
        {
            Table = table,
            Entity = Naming.Singular(table.Table),
            Root = root,
            ToRoot = toRoot,
            Properties = properties,
            LeftOut = leftOut,
        };
    }

    /// <summary>The record as code.</summary>
    public string Source()
    {
        var code = new StringBuilder();
        foreach (var column in LeftOut)
            code.Append($"// {column.Name} {column.ColumnType} has no form in a row: exclude it from capture.\n");
        code.Append($"[Row({Naming.Literal(Table.Table)})]\npublic sealed partial record {Record}(\n");
        code.Append(string.Join(",\n", Properties.Select(property => "    " + Parameter(property))));
        return code.Append("\n);\n").ToString();
    }

    public string Parameter(RowProperty property)
    {
        var attributes = new List<string>();
        if (property.IsKey)
            attributes.Add("Key");
        if (property.IsParent)
            attributes.Add($"ChildOf<{Root!.Record}>");
        if (Naming.ColumnOf(property.Name) != property.Column.Name)
            attributes.Add($"Column({Naming.Literal(property.Column.Name)})");
        return (attributes.Count > 0 ? $"[{string.Join(", ", attributes)}] " : "") + $"{property.Type} {property.Name}";
    }

    /// <summary>A row for a test, as code; a child is the sample root's.</summary>
    public string Sample() => $"new({string.Join(", ", Properties.Select(property => $"{property.Name}: {property.Shape.Sample}"))})";

    /// <summary>The id of the sample's entity, as code.</summary>
    public string SampleId()
    {
        var parts = Properties
            .Where(property => property.IsKey)
            .Select(property =>
                property.Shape.Type is "string" || property.Shape.Bits is not (0 or 1)
                    ? property.Shape.Sample
                    : throw new UsageException(
                        $"the key column {property.Column.Name} of {Table.FullName} is {property.Column.ColumnType}, for which no test can be written; keys are integers or text"
                    )
            );
        return Properties.Count(property => property.IsKey) == 1 ? parts.First() : $"EntityId.Of({string.Join(", ", parts)})";
    }
}
