using System.CommandLine;
using Millrace.MySql.Rows;
using Millrace.Tool.Scaffold;
using MySqlConnector;

namespace Millrace.Tool;

/// <summary><c>millrace scaffold</c>: row records of a live database and an aggregate to begin with; run again, what has drifted.</summary>
internal static class ScaffoldCommand
{
    public static Command Create(TextWriter output)
    {
        var mysql = CommandLine.MySqlOption();
        var rootTable = new Option<string>("--root") { Description = "The table whose rows are the entities.", Required = true };
        var folder = new Option<DirectoryInfo>("--out") { Description = "The folder for the two projects.", Required = true };
        var name = new Option<string?>("--name") { Description = "The project's name and namespace. Default: the database's name." };
        var clone = new Option<DirectoryInfo?>("--millrace") { Description = "A clone of Millrace to refer to instead of its packages." };
        var command = new Command(
            "scaffold",
            "Writes row records of a table and its children, an aggregate and tests that pass. Files that are there are never touched: run again, it "
                + "says where the tables have moved on, and ends with 1 where a record no longer fits."
        )
        {
            mysql,
            rootTable,
            folder,
            name,
            clone,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var address = CommandLine.Address(parsed.GetValue(mysql));
                var (root, children, notes) = await Read(address, parsed.GetValue(rootTable)!, stop);
                var project = Naming.Pascal(parsed.GetValue(name) ?? address.Database);
                if (project == root.Entity)
                    project += "s"; // a namespace and a class of one name would hide each other
                var millrace = parsed.GetValue(clone)?.FullName ?? OwnClone();
                var files = new FirstFiles(project, address.Database, root, children).Files(
                    Projects.Domain(millrace),
                    Projects.Tests(project, millrace)
                );
                return Write(output, parsed.GetValue(folder)!, [.. files], [root, .. children], notes);
            }
        );
        return command;
    }

    static async Task<(RowShape Root, IReadOnlyList<RowShape> Children, IReadOnlyList<string> Notes)> Read(
        MySqlConnectionStringBuilder address,
        string rootTable,
        CancellationToken stop
    )
    {
        await using var connection = new MySqlConnection(address.ConnectionString);
        await connection.OpenAsync(stop);
        var tables = await SchemaReader.ReadAsync(connection, address.Database, stop: stop);
        var root =
            tables.FirstOrDefault(table => table.Table.Equals(rootTable, StringComparison.OrdinalIgnoreCase))
            ?? throw new UsageException(
                $"there is no table {rootTable} in {address.Database} that {address.UserID} can see; there are {string.Join(", ", tables.Select(table => table.Table))}"
            );
        var shape = RowShape.Of(root);
        var rootKey = root.PrimaryKey.Select(ordinal => root.Columns[ordinal].Name).ToArray();
        var (children, notes) = (new List<RowShape>(), new List<string>());
        foreach (var table in tables.Where(table => table != root))
        {
            var keys = table
                .ForeignKeys.Where(key => key.ReferencedDatabase == address.Database && key.ReferencedTable == root.Table)
                .ToList();
            if (keys.Count == 0)
                continue;
            var fitting = keys.FirstOrDefault(key => key.ReferencedColumns.SequenceEqual(rootKey));
            if (fitting is null)
                notes.Add($"{table.Table} refers to {root.Table} by other columns than its key, and is left out");
            else if (table.PrimaryKey.Count == 0)
                notes.Add($"{table.Table} is a child of {root.Table}, but has no primary key, and is left out");
            else
            {
                if (keys.Count > 1)
                    notes.Add($"{table.Table} refers to {root.Table} by {keys.Count} foreign keys; it is a child by {fitting.Name}");
                children.Add(RowShape.Of(table, shape, fitting));
            }
        }
        return (shape, children, notes);
    }

    static int Write(
        TextWriter output,
        DirectoryInfo folder,
        IReadOnlyList<(string Path, string Text)> files,
        IReadOnlyList<RowShape> shapes,
        IReadOnlyList<string> notes
    )
    {
        foreach (var note in notes)
            output.WriteLine($"note: {note}");
        // A scaffold that is there is its owner's, even where files were renamed or removed.
        if (folder.Exists && folder.EnumerateFiles("*.cs", SearchOption.AllDirectories).Any())
        {
            var drift = Drift.Of(folder.FullName, shapes);
            foreach (var wrong in drift.Wrong)
                output.WriteLine($"drift: {wrong}");
            foreach (var fresh in drift.New)
                output.WriteLine($"new: {fresh}");
            if (drift is { Wrong.Count: 0, New.Count: 0 })
                output.WriteLine("The records are as the tables are.");
            output.WriteLine($"Nothing in {folder.FullName} was touched.");
            return drift.Wrong.Count > 0 ? 1 : 0;
        }
        foreach (var (path, text) in files)
        {
            var target = Path.Combine(folder.FullName, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllText(target, text);
            output.WriteLine($"wrote {target}");
        }
        output.WriteLine($"Now: dotnet run --project {Path.Combine(folder.FullName, Path.GetDirectoryName(files[^1].Path)!)}");
        return 0;
    }

    /// <summary>The clone that this command was built in; null where it was installed.</summary>
    static string? OwnClone()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Millrace.slnx")))
                return folder.FullName;
        return null;
    }
}
