using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>What the tables are: keys, types, engines, and foreign keys that change rows without the binlog saying so.</summary>
internal sealed class TableChecks(
    ServerVariables variables,
    string database,
    IReadOnlyList<DoctorTable> tables,
    IReadOnlyList<TableSchema> schemas,
    List<Finding> findings
)
{
    public async Task RunAsync(MySqlConnection connection, CancellationToken stop)
    {
        RowImage();
        var kinds = await KindsAsync(connection, stop).ConfigureAwait(false);
        foreach (var schema in schemas)
        {
            var before = findings.Count;
            Kind(schema, kinds.GetValueOrDefault(schema.Table));
            Key(schema);
            Mapped(schema);
            Rules(schema);
            Types(schema);
            foreach (var key in schema.ForeignKeys)
                Cascade(schema, key);
            if (findings.Count == before)
                findings.Add(
                    new(
                        FindingLevel.Ok,
                        $"table {schema.Table}",
                        $"{schema.Columns.Count} columns, key {Columns(schema, schema.PrimaryKey)}"
                    )
                );
        }
    }

    DoctorTable? Captured(string table) =>
        tables.FirstOrDefault(captured => string.Equals(captured.Name, table, StringComparison.OrdinalIgnoreCase));

    string FullName(TableSchema schema) => $"{Sql.Name(database)}.{Sql.Name(schema.Table)}";

    static string Columns(TableSchema schema, IEnumerable<int> ordinals) =>
        $"({string.Join(", ", ordinals.Select(i => schema.Columns[i].Name))})";

    void Add(FindingLevel level, TableSchema schema, string message, string? remedy = null) =>
        findings.Add(new(level, $"table {schema.Table}", message, remedy));

    /// <summary>MINIMAL leaves out of an update all but the key and what changed, NOBLOB leaves out what is large and did not change.</summary>
    void RowImage()
    {
        var image = variables["binlog_row_image"] ?? "FULL";
        if (variables.Is("binlog_row_image", "FULL", "FULL_NODUP") || variables["binlog_row_image"] is null)
        {
            findings.Add(new(FindingLevel.Ok, "binlog_row_image", image));
            return;
        }
        var minimal = variables.Is("binlog_row_image", "MINIMAL");
        var lost = schemas
            .SelectMany(schema =>
                Needed(schema)
                    .Where(ordinal => !schema.PrimaryKey.Contains(ordinal))
                    .Select(ordinal => (schema, column: schema.Columns[ordinal]))
            )
            .Where(routed =>
                minimal
                || routed.column.DataType.EndsWith("text", StringComparison.Ordinal)
                || routed.column.DataType.EndsWith("blob", StringComparison.Ordinal)
            )
            .Select(routed => $"{routed.schema.Table}.{routed.column.Name}")
            .ToList();
        if (lost.Count > 0)
            findings.Add(
                new(
                    FindingLevel.Failure,
                    "binlog_row_image",
                    $"is {image}: an update need not say {string.Join(", ", lost.Take(5))}{(lost.Count > 5 ? " and others" : "")}, which capturing needs",
                    variables.Set("binlog_row_image", "FULL") + " Sessions that are open keep the old image until they reconnect."
                )
            );
        else
            findings.Add(
                new(
                    FindingLevel.Warning,
                    "binlog_row_image",
                    $"is {image}: columns that a row image leaves out are unknown until a snapshot or another update says them",
                    variables.Set("binlog_row_image", "FULL")
                )
            );
    }

    /// <summary>The columns that every image must have: those that say which entity a row belongs to, and those that the application maps.</summary>
    IEnumerable<int> Needed(TableSchema schema) =>
        Captured(schema.Table) is { RoutingColumns: { } routing } captured
            ? routing.Concat(captured.MappedColumns ?? []).Select(schema.OrdinalOf).Where(ordinal => ordinal >= 0).Distinct()
            : schema
                .ForeignKeys.Where(key => Captured(key.ReferencedTable) is not null)
                .SelectMany(key => key.Columns)
                .Select(schema.OrdinalOf)
                .Distinct();

    void Kind(TableSchema schema, (string Type, string? Engine) kind)
    {
        if (kind.Type is "SYSTEM VERSIONED")
            Add(
                FindingLevel.Failure,
                schema,
                "is system-versioned: its binlog has rows of its history too, which are not told apart yet",
                "leave it out of capture"
            );
        else if (kind.Engine is { } engine && engine is not ("InnoDB" or "ROCKSDB" or "ndbcluster"))
            Add(
                FindingLevel.Warning,
                schema,
                $"is kept by {engine}, which has no transactions: a snapshot of it and its changes may overlap",
                $"ALTER TABLE {FullName(schema)} ENGINE = InnoDB;"
            );
    }

    void Key(TableSchema schema)
    {
        if (schema.PrimaryKey.Count == 0)
            Add(
                FindingLevel.Failure,
                schema,
                "has no primary key: its rows cannot be told apart",
                $"ALTER TABLE {FullName(schema)} ADD PRIMARY KEY (…); or, if no columns are one, ADD COLUMN id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY;"
            );
    }

    void Mapped(TableSchema schema)
    {
        var missing = (Captured(schema.Table)?.MappedColumns ?? [])
            .Where(mapped => !schema.Columns.Any(column => column.Name.Equals(mapped, StringComparison.OrdinalIgnoreCase)))
            .ToList();
        if (missing.Count > 0)
            Add(
                FindingLevel.Failure,
                schema,
                $"has no column {string.Join(", ", missing)}, which the application maps",
                "correct the row record or its [Column], or add the column back"
            );
    }

    /// <summary>What is left out or masked must be there, and nobody may need it as it stands.</summary>
    void Rules(TableSchema schema)
    {
        if (Captured(schema.Table) is not { Rules: { } rules } captured)
            return;
        foreach (var column in rules.Columns)
        {
            var how = rules.Excludes(column) ? "left out" : "masked";
            var isIn = (IReadOnlyList<string>? names) => names?.Contains(column, StringComparer.OrdinalIgnoreCase) ?? false;
            var ordinal = schema.OrdinalIn(column);
            if (ordinal < 0)
                Refuse(
                    $"has no column {column}, which is to be {how}. It has: {string.Join(", ", schema.Columns.Select(c => c.Name))}",
                    "correct the name, or remove the option"
                );
            else if (schema.PrimaryKey.Contains(ordinal) || isIn(captured.RoutingColumns))
                Refuse(
                    $"column {column} is to be {how}, and tells the rows apart or says which entity they belong to",
                    "capture it; to keep its values from the logs declare another key"
                );
            else if (rules.Excludes(column) && isIn(captured.MappedColumns))
                Refuse($"column {column} is to be left out, and the application maps it", "take it out of the row record, or mask it");
            else if (
                !rules.Excludes(column)
                && isIn(captured.MappedColumns)
                && captured.TextColumns is not null
                && !isIn(captured.TextColumns)
            )
                Refuse(
                    $"column {column} is to be masked, and the application maps it to something that is no plain string",
                    "make it a string in the row record, or take it out of the record and exclude it"
                );
        }

        void Refuse(string message, string remedy) => Add(FindingLevel.Failure, schema, message, remedy);
    }

    void Types(TableSchema schema)
    {
        var rules = Captured(schema.Table)?.Rules;
        foreach (var column in schema.Columns.Where(column => rules is null || !rules.Excludes(column.Name)))
            try
            {
                // A table of this column alone, so that each is named and not the first only.
                _ = new SnapshotRowReader(schema with { Columns = [column], PrimaryKey = [], ForeignKeys = [] });
            }
            catch (UnsupportedColumnException e)
            {
                Add(
                    FindingLevel.Failure,
                    schema,
                    e.Message,
                    $"change the type of {column.Name}, or Exclude(\"{schema.Table}.{column.Name}\")"
                );
            }
    }

    /// <summary>
    /// InnoDB carries out the actions of foreign keys itself, and the binlog says nothing of the rows. A root's deletion takes its children along in the
    /// mirror; nothing stands in for any other action.
    /// </summary>
    void Cascade(TableSchema schema, ForeignKey key)
    {
        var acts = key.OnDelete is not ReferentialAction.Restrict || key.OnUpdate is not ReferentialAction.Restrict;
        if (!acts || LogsCascades)
            return;
        var parent = Captured(key.ReferencedTable);
        var sameDatabase = key.ReferencedDatabase == database;
        var isParent =
            sameDatabase
            && parent is not null
            && !string.Equals(key.ReferencedTable, schema.Table, StringComparison.OrdinalIgnoreCase)
            && (Captured(schema.Table)?.RoutingColumns is not { } routing || key.Columns.All(routing.Contains));
        var fresh =
            $"ADD CONSTRAINT {Sql.Name(key.Name)} FOREIGN KEY ({string.Join(", ", key.Columns.Select(Sql.Name))}) REFERENCES "
            + $"{(sameDatabase ? "" : Sql.Name(key.ReferencedDatabase) + ".")}{Sql.Name(key.ReferencedTable)} ({string.Join(", ", key.ReferencedColumns.Select(Sql.Name))})";
        var drop = $"ALTER TABLE {FullName(schema)} DROP FOREIGN KEY {Sql.Name(key.Name)}; ALTER TABLE {FullName(schema)} {fresh}";
        var newer = variables.IsMariaDb ? "" : " Or upgrade to MySQL 9.6, which logs them.";
        if (key.OnUpdate is not ReferentialAction.Restrict)
            Add(
                FindingLevel.Failure,
                schema,
                $"foreign key {key.Name}: ON UPDATE {Words(key.OnUpdate)} changes {schema.Table}.{string.Join(", ", key.Columns)} without the binlog saying so",
                $"{drop}{(key.OnDelete is ReferentialAction.Restrict ? "" : $" ON DELETE {Words(key.OnDelete)}")};{newer}"
            );
        if (key.OnDelete is not ReferentialAction.Restrict && !isParent)
            Add(
                FindingLevel.Failure,
                schema,
                $"foreign key {key.Name}: a deletion in {key.ReferencedTable}, which is not the root of {schema.Table}, "
                    + $"{(key.OnDelete is ReferentialAction.Cascade ? "deletes" : "changes")} rows of {schema.Table} without the binlog saying so",
                $"{drop}; and delete them in the application.{newer}"
            );
        else if (key.OnDelete is not ReferentialAction.Restrict && ParentIsChild(key))
            Add(
                FindingLevel.Failure,
                schema,
                $"foreign key {key.Name}: {key.ReferencedTable} is itself deleted by a cascade, and the binlog does not say that this takes rows of {schema.Table} along",
                $"{drop}; and delete them in the application.{newer}"
            );
    }

    /// <summary>Whether the rows of the referenced table themselves go without a word, by a cascade from a captured table.</summary>
    bool ParentIsChild(ForeignKey key) =>
        schemas.FirstOrDefault(schema => schema.Table == key.ReferencedTable) is { } parent
        && parent.ForeignKeys.Any(up => up.OnDelete is ReferentialAction.Cascade && up.ReferencedTable != parent.Table);

    // MySQL from 9.6 carries the actions out above InnoDB and logs them, unless that is switched back.
    bool LogsCascades => !variables.IsMariaDb && variables.Version >= 9_006 && !variables.Is("innodb_native_foreign_keys", "ON");

    static string Words(ReferentialAction action) =>
        action switch
        {
            ReferentialAction.Cascade => "CASCADE",
            ReferentialAction.SetNull => "SET NULL",
            ReferentialAction.SetDefault => "SET DEFAULT",
            _ => "RESTRICT",
        };

    async Task<Dictionary<string, (string Type, string? Engine)>> KindsAsync(MySqlConnection connection, CancellationToken stop)
    {
        var kinds = new Dictionary<string, (string, string?)>(StringComparer.Ordinal);
        await using var command = new MySqlCommand(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = @database",
            connection
        );
        command.Parameters.AddWithValue("@database", database);
        await using var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false);
        while (await reader.ReadAsync(stop).ConfigureAwait(false))
            kinds[reader.GetString(0)] = (reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2));
        return kinds;
    }
}
