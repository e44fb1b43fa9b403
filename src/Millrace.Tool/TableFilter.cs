namespace Millrace.Tool;

/// <summary>Which tables are wanted.</summary>
/// <param name="database">The database that names without one mean; null for any.</param>
/// <param name="tables">NAME or DATABASE.NAME; empty for all.</param>
internal sealed class TableFilter(string? database, string[] tables)
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
}
