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
