using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql.Rows;

/// <summary>
/// Finds what foreign keys do on delete where information_schema does not say: MariaDB shows REFERENTIAL_CONSTRAINTS only to accounts with more than
/// SELECT on the table, and an account that captures has no more. What SHOW CREATE TABLE prints needs SELECT alone. A rule that is not known is never
/// taken for RESTRICT: the rows of an unlogged cascade would stay for ever.
/// </summary>
static class ForeignKeyRules
{
    static readonly string[] Actions = ["CASCADE", "SET NULL", "SET DEFAULT"];

    /// <summary>Completes the keys that lack their rules.</summary>
    /// <exception cref="SourceException">A rule cannot be found out.</exception>
    public static async Task CompleteAsync(
        MySqlConnection connection,
        string database,
        List<SchemaReader.KeyPart> keys,
        CancellationToken stop
    )
    {
        foreach (var table in keys.Where(Lacks).Select(key => key.Table).Distinct().ToList())
        {
            var text = await DefinitionAsync(connection, database, table, stop).ConfigureAwait(false);
            for (var i = 0; i < keys.Count; i++)
                if (keys[i].Table == table && Lacks(keys[i]))
                {
                    var (onDelete, onUpdate) =
                        Find(text, keys[i].Constraint)
                        ?? throw new SourceException(
                            $"What the foreign key {keys[i].Constraint} of {database}.{table} does when its parent is deleted cannot be seen, so rows could stay that are gone. Allow the account to see it: GRANT REFERENCES ON `{database}`.`{table}` TO it."
                        );
                    keys[i] = keys[i] with { OnDelete = onDelete, OnUpdate = onUpdate };
                }
        }
    }

    /// <summary>The rules of a constraint in what SHOW CREATE TABLE prints, which has each on a line of its own.</summary>
    /// <returns>ON DELETE and ON UPDATE; null where there is no such constraint.</returns>
    internal static (string OnDelete, string OnUpdate)? Find(string definition, string constraint)
    {
        var begin = $"CONSTRAINT {Quote(constraint)} FOREIGN KEY ";
        foreach (var line in definition.Split('\n'))
        {
            var text = line.Trim().TrimEnd(',');
            if (!text.StartsWith(begin, StringComparison.Ordinal))
                continue;
            // Behind the columns that it refers to, whose names may say anything.
            var actions = text[(text.LastIndexOf(')') + 1)..];
            return (Rule(actions, "ON DELETE "), Rule(actions, "ON UPDATE "));
        }
        return null;
    }

    static bool Lacks(SchemaReader.KeyPart key) => key.ReferencedTable is not null && key.OnDelete is null;

    static async Task<string> DefinitionAsync(MySqlConnection connection, string database, string table, CancellationToken stop)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SHOW CREATE TABLE {Quote(database)}.{Quote(table)}";
        await using var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false);
        return await reader.ReadAsync(stop).ConfigureAwait(false) ? reader.GetString(1) : "";
    }

    static string Rule(string actions, string of)
    {
        var at = actions.IndexOf(of, StringComparison.Ordinal);
        if (at < 0)
            return "RESTRICT";
        var rest = actions[(at + of.Length)..];
        return Actions.FirstOrDefault(rule => rest.StartsWith(rule, StringComparison.Ordinal)) ?? "RESTRICT";
    }

    static string Quote(string name) => $"`{name.Replace("`", "``", StringComparison.Ordinal)}`";
}
