namespace Millrace.Tool;

/// <summary>Which tables and columns are wanted.</summary>
/// <param name="database">The database that names without one mean; null for any.</param>
/// <param name="tables">NAME or DATABASE.NAME; empty for all.</param>
/// <param name="excluded">TABLE.COLUMN.</param>
internal sealed class TableFilter(string? database, string[] tables, string[] excluded)
{
    public bool Wants(string inDatabase, string table)
    {
        if (tables.Length == 0)
            return string.IsNullOrEmpty(database) || database == inDatabase;
        foreach (var wanted in tables)
            if (wanted == table && (string.IsNullOrEmpty(database) || database == inDatabase) || wanted == $"{inDatabase}.{table}")
                return true;
        return false;
    }

    public IReadOnlySet<string>? Excluded(string inDatabase, string table)
    {
        var columns = excluded
            .Where(name =>
                name.StartsWith($"{table}.", StringComparison.Ordinal)
                || name.StartsWith($"{inDatabase}.{table}.", StringComparison.Ordinal)
            )
            .Select(name => name[(name.LastIndexOf('.') + 1)..])
            .ToHashSet();
        return columns.Count == 0 ? null : columns;
    }
}
