namespace Millrace.Sources;

/// <summary>
/// The tables a topology maps, each once, whatever aggregates mirror it or look things up in it. References stand first, then roots, then their
/// children: a snapshot in this order has nothing wait for what it needs.
/// </summary>
internal static class CapturedTables
{
    public static IReadOnlyList<CapturedTable> Of(Topology topology)
    {
        var rows = topology.Aggregates.SelectMany(aggregate =>
            aggregate.References.Concat(aggregate.Tables).Select(row => (aggregate, row))
        );
        return
        [
            // Snapshots go in this order: what others wait for comes first.
            .. rows.GroupBy(mapped => mapped.row.Table)
                .OrderBy(table =>
                    table.Any(mapped => mapped.aggregate.References.Contains(mapped.row)) ? 0
                    : table.Any(mapped => mapped.row.Parent is null) ? 1
                    : 2
                )
                .Select(table => new CapturedTable(
                    table.Key,
                    table.First().row.Key,
                    [.. table.SelectMany(mapped => Routing(mapped.aggregate, mapped.row)).Distinct()],
                    [.. table.SelectMany(mapped => mapped.row.Columns).Select(column => column.Name).Distinct()],
                    [.. Texts([.. table.Select(mapped => mapped.row)])]
                )),
        ];
    }

    private static IEnumerable<string> Texts(IReadOnlyList<RowDefinition> rows) =>
        rows.SelectMany(row => row.Columns)
            .GroupBy(column => column.Name)
            .Where(columns => columns.All(column => column.Type.TrimEnd('?') == "string"))
            .Select(columns => columns.Key)
            .Except(rows.SelectMany(row => row.References.Select(reference => reference.Column).Append(row.OccurredAt ?? "")));

    /// <summary>The row's key, and a child's foreign key: with them a change finds its entity and its row.</summary>
    private static IEnumerable<string> Routing(AggregateDefinition aggregate, RowDefinition row) =>
        row.Parent is { } parent && parent.Definition.Table == aggregate.Root.Table ? row.Key.Concat(parent.Columns) : row.Key;
}
