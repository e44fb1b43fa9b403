using System.Text;
using MySqlConnector;

namespace Millrace.MySql.Rows;

/// <summary>Reads tables' schemas from information_schema, of MySQL and MariaDB alike.</summary>
public static class SchemaReader
{
    const string ColumnsSql = """
        SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.CHARACTER_SET_NAME, c.CHARACTER_OCTET_LENGTH, c.NUMERIC_PRECISION,
               c.NUMERIC_SCALE, c.DATETIME_PRECISION, c.IS_NULLABLE, c.GENERATION_EXPRESSION
        FROM information_schema.COLUMNS c
        JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
        WHERE c.TABLE_SCHEMA = @database AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
        """;

    const string KeysSql = """
        SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,
               r.DELETE_RULE, r.UPDATE_RULE
        FROM information_schema.KEY_COLUMN_USAGE k
        LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r
          ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
        WHERE k.TABLE_SCHEMA = @database AND (k.CONSTRAINT_NAME = 'PRIMARY' OR k.REFERENCED_TABLE_NAME IS NOT NULL)
        """;

    /// <summary>Reads tables of one database, in the order of their names. A table that is not there, or not visible to the user, is left out.</summary>
    /// <param name="connection">An open connection; nothing of its session is changed.</param>
    /// <param name="database">The database.</param>
    /// <param name="tables">The tables, or null for all.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <exception cref="MySqlException">The server refuses or the connection breaks.</exception>
    /// <exception cref="Millrace.Sources.SourceException">What a foreign key does on delete cannot be found out.</exception>
    public static async Task<IReadOnlyList<TableSchema>> ReadAsync(
        MySqlConnection connection,
        string database,
        IReadOnlyCollection<string>? tables = null,
        CancellationToken stop = default
    )
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (tables is { Count: 0 })
            return [];
        var columns = new SortedDictionary<string, List<ColumnSchema>>(StringComparer.Ordinal);
        await using (var command = Command(connection, ColumnsSql, " ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION", "c", database, tables))
        await using (var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false))
            while (await reader.ReadAsync(stop).ConfigureAwait(false))
            {
                if (!columns.TryGetValue(reader.GetString(0), out var list))
                    columns.Add(reader.GetString(0), list = []);
                list.Add(Column(reader));
            }

        var keys = new List<KeyPart>();
        await using (
            var command = Command(
                connection,
                KeysSql,
                " ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION",
                "k",
                database,
                tables
            )
        )
        await using (var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false))
            while (await reader.ReadAsync(stop).ConfigureAwait(false))
                keys.Add(
                    new(
                        reader.GetString(0),
                        reader.GetString(1),
                        reader.GetString(2),
                        Text(reader, 3),
                        Text(reader, 4),
                        Text(reader, 5),
                        Text(reader, 6),
                        Text(reader, 7)
                    )
                );
        await ForeignKeyRules.CompleteAsync(connection, database, keys, stop).ConfigureAwait(false);
        return [.. columns.Select(table => Table(database, table.Key, table.Value, keys.Where(key => key.Table == table.Key)))];
    }

    static MySqlCommand Command(
        MySqlConnection connection,
        string sql,
        string order,
        string alias,
        string database,
        IReadOnlyCollection<string>? tables
    )
    {
        var command = connection.CreateCommand();
        command.Parameters.AddWithValue("@database", database);
        var text = new StringBuilder(sql);
        if (tables is not null)
        {
            text.Append($" AND {alias}.TABLE_NAME IN (");
            var i = 0;
            foreach (var table in tables)
            {
                text.Append(i == 0 ? "" : ",").Append($"@t{i}");
                command.Parameters.AddWithValue($"@t{i++}", table);
            }
            text.Append(')');
        }
        command.CommandText = text.Append(order).ToString();
        return command;
    }

    static ColumnSchema Column(MySqlDataReader reader)
    {
        var (dataType, columnType) = (reader.GetString(2).ToLowerInvariant(), reader.GetString(3));
        return new ColumnSchema
        {
            Name = reader.GetString(1),
            DataType = dataType,
            ColumnType = columnType,
            Unsigned = columnType.Contains(" unsigned", StringComparison.OrdinalIgnoreCase),
            Charset = Text(reader, 4),
            MaxOctets = reader.IsDBNull(5) ? null : Convert.ToInt64(reader.GetValue(5)),
            Precision = Number(reader, 6),
            Scale = Number(reader, 7),
            FractionDigits = Number(reader, 8),
            Nullable = reader.GetString(9) == "YES",
            Generated = Text(reader, 10) is { Length: > 0 },
            Members = dataType is "enum" or "set" ? ParseMembers(columnType) : null,
        };
    }

    static TableSchema Table(string database, string name, List<ColumnSchema> columns, IEnumerable<KeyPart> parts)
    {
        var primary = new List<int>();
        var foreign = new List<ForeignKey>();
        foreach (var key in parts.GroupBy(part => part.Constraint))
        {
            var first = key.First();
            if (first.ReferencedTable is null)
                primary.AddRange(key.Select(part => columns.FindIndex(column => column.Name == part.Column)));
            else
                foreign.Add(
                    new(
                        key.Key,
                        [.. key.Select(part => part.Column)],
                        first.ReferencedDatabase!,
                        first.ReferencedTable,
                        [.. key.Select(part => part.ReferencedColumn!)],
                        Action(first.OnDelete),
                        Action(first.OnUpdate)
                    )
                );
        }
        return new(database, name, columns, primary, foreign);
    }

    static ReferentialAction Action(string? rule) =>
        rule switch
        {
            "CASCADE" => ReferentialAction.Cascade,
            "SET NULL" => ReferentialAction.SetNull,
            "SET DEFAULT" => ReferentialAction.SetDefault,
            _ => ReferentialAction.Restrict,
        };

    /// <summary>The members in <c>enum('a','it''s')</c>. Both servers double the quote and escape backslash, zero, newline and return.</summary>
    internal static IReadOnlyList<string> ParseMembers(string columnType)
    {
        var members = new List<string>();
        var at = columnType.IndexOf('\'');
        while (at >= 0 && at < columnType.Length && columnType[at] == '\'')
        {
            var member = new StringBuilder();
            for (at++; at < columnType.Length; at++)
            {
                if (columnType[at] == '\'' && !(at + 1 < columnType.Length && columnType[at + 1] == '\''))
                    break;
                if (columnType[at] == '\'')
                    at++;
                else if (columnType[at] == '\\' && at + 1 < columnType.Length)
                {
                    at++;
                    member.Append(
                        columnType[at] switch
                        {
                            '0' => '\0',
                            'n' => '\n',
                            'r' => '\r',
                            var other => other,
                        }
                    );
                    continue;
                }
                member.Append(columnType[at]);
            }
            members.Add(member.ToString());
            at += 2; // the quote and the comma
        }
        return members;
    }

    static string? Text(MySqlDataReader reader, int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetString(ordinal);

    static int? Number(MySqlDataReader reader, int ordinal) => reader.IsDBNull(ordinal) ? null : Convert.ToInt32(reader.GetValue(ordinal));

    /// <summary>One column of a key.</summary>
    internal sealed record KeyPart(
        string Table,
        string Constraint,
        string Column,
        string? ReferencedDatabase,
        string? ReferencedTable,
        string? ReferencedColumn,
        string? OnDelete,
        string? OnUpdate
    );
}
