using System.CommandLine;
using Millrace.MySql.Protocol;
using Millrace.MySql.Rows;
using MySqlConnector;

namespace Millrace.Tool;

/// <summary>The command <c>millrace</c>.</summary>
internal static class CommandLine
{
    /// <summary>Runs one command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="data">Where rows go.</param>
    /// <param name="output">Where text for people goes.</param>
    /// <param name="errors">Where what went wrong goes.</param>
    /// <param name="stop">Ends a command that goes on for ever, as Ctrl-C does.</param>
    /// <returns>0; 1 when something is wrong with what was looked at; 2 when the command could not be carried out.</returns>
    public static async Task<int> RunAsync(
        string[] args,
        Stream data,
        TextWriter output,
        TextWriter errors,
        CancellationToken stop = default
    )
    {
        var root = new RootCommand("Looks at a MySQL or MariaDB server as Millrace does.")
        {
            DoctorCommand.Create(output),
            CaptureCommand.Create(data, errors),
            ScaffoldCommand.Create(output),
        };
        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = errors,
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            return await root.Parse(args).InvokeAsync(configuration, stop);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        catch (Exception e)
            when (e
                    is MySqlException
                        or WireException
                        or CapturedRowException
                        or IOException
                        or UsageException
                        or UnauthorizedAccessException
            )
        {
            await errors.WriteLineAsync($"millrace: {e.Message}");
            return 2;
        }
    }

    /// <summary>How to reach the server; the environment variable keeps a password out of the list of processes.</summary>
    public static Option<string?> MySqlOption() =>
        new("--mysql")
        {
            Description =
                "The server, as MySqlConnector's connection string: \"Server=…;User ID=…;Password=…;Database=…\". Default: the environment variable MILLRACE_SERVER.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("MILLRACE_SERVER") is { Length: > 0 } value ? value : null,
        };

    public static Option<string[]> TableOption() =>
        new("--table")
        {
            Description = "A table; may be given several times. Default: all of the database.",
            AllowMultipleArgumentsPerToken = true,
        };

    public static Option<string[]> ExcludeOption() =>
        new("--exclude") { Description = "A column to leave out, as TABLE.COLUMN.", AllowMultipleArgumentsPerToken = true };

    public static Option<string[]> MaskOption() =>
        new("--mask")
        {
            Description = "A column whose values are replaced by keyed hashes, as TABLE.COLUMN, or by a text, as TABLE.COLUMN=TEXT.",
            AllowMultipleArgumentsPerToken = true,
        };

    /// <summary>What is left out and masked, or what is wrong with it.</summary>
    public static TableRules Rules(string[]? exclude, string[]? mask, string? secret)
    {
        var masked = (mask ?? []).Select(name =>
            name.IndexOf('=') is >= 0 and var sign
                ? new KeyValuePair<string, string?>(name[..sign], name[(sign + 1)..])
                : new KeyValuePair<string, string?>(name, null)
        );
        var rules = new TableRules(exclude ?? [], masked, secret);
        return rules.Problems.Count == 0 ? rules : throw new UsageException(rules.Problems[0]);
    }

    /// <summary>A misspelt table's column would be shown as it stands.</summary>
    public static void MustFit(TableRules rules, string database, IReadOnlyList<string> tables)
    {
        if (rules.ProblemsWith(tables.Concat(tables.Select(table => $"{database}.{table}"))).FirstOrDefault() is { } problem)
            throw new UsageException(problem);
    }

    public static async Task<string[]> TablesOf(MySqlConnection sql, string database, CancellationToken stop) =>
        [.. (await SchemaReader.ReadAsync(sql, database, null, stop)).Select(schema => schema.Table)];

    /// <summary>Parses a connection string, or says what is wrong with it.</summary>
    public static MySqlConnectionStringBuilder Address(string? connectionString)
    {
        if (string.IsNullOrEmpty(connectionString))
            throw new UsageException(
                "no server is named: give --mysql \"Server=…;User ID=…;Password=…;Database=…\" or set MILLRACE_SERVER"
            );
        MySqlConnectionStringBuilder address;
        try
        {
            address = new(connectionString) { Pooling = false };
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"--mysql is no connection string: {e.Message}");
        }
        return address.Database.Length > 0 ? address : throw new UsageException("the connection string names no database: add Database=…");
    }
}

/// <summary>Something on the command line that cannot be carried out.</summary>
internal sealed class UsageException(string message) : Exception(message);
