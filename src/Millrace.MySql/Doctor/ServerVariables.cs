using MySqlConnector;

namespace Millrace.MySql.Doctor;

/// <summary>The server's global variables and how one changes them there.</summary>
internal sealed class ServerVariables
{
    readonly Dictionary<string, string> _values = new(StringComparer.OrdinalIgnoreCase);

    public bool IsMariaDb { get; private set; }

    /// <summary>Major and minor as one number: 9.7 is 9,007.</summary>
    public int Version { get; private set; }

    /// <summary>Amazon's servers give parameters in groups and nobody SUPER.</summary>
    public bool IsRds { get; private set; }

    public string Name { get; private set; } = "";

    /// <summary>The value, or null when this server has no such variable.</summary>
    public string? this[string name] => _values.GetValueOrDefault(name);

    public static async Task<ServerVariables> ReadAsync(MySqlConnection connection, CancellationToken stop)
    {
        var result = new ServerVariables();
        await using var command = new MySqlCommand("SHOW GLOBAL VARIABLES", connection);
        await using var reader = await command.ExecuteReaderAsync(stop).ConfigureAwait(false);
        while (await reader.ReadAsync(stop).ConfigureAwait(false))
            result._values[reader.GetString(0)] = reader.GetString(1);
        var version = result["version"] ?? "";
        result.IsMariaDb = version.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
        var parts = version.Split('.', '-');
        if (parts.Length > 1 && int.TryParse(parts[0], out var major) && int.TryParse(parts[1], out var minor))
            result.Version = major * 1000 + minor;
        result.IsRds = (result["basedir"] ?? "").Contains("rdsdbbin", StringComparison.OrdinalIgnoreCase);
        result.Name = $"{(result.IsMariaDb ? "MariaDB" : "MySQL")} {version}{(result.IsRds ? " on Amazon RDS" : "")}";
        return result;
    }

    public bool Is(string name, params ReadOnlySpan<string> values)
    {
        foreach (var value in values)
            if (string.Equals(this[name], value, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    /// <summary>How to set a variable for good.</summary>
    public string Set(string name, string value)
    {
        var literal = long.TryParse(value, out _) ? value : $"'{value}'";
        return IsRds ? $"set the parameter {name} = {value} in the instance's parameter group"
            : IsMariaDb ? $"SET GLOBAL {name} = {literal}; and {name} = {value} in the server's configuration file"
            : $"SET PERSIST {name} = {literal};";
    }

    /// <summary>How to set a variable that takes a restart.</summary>
    public string SetAtStart(string name, string value) =>
        IsRds
            ? $"set the parameter {name} = {value} in the instance's parameter group and reboot"
            : $"{name} = {value} under [mysqld] in the server's configuration file, and restart it";
}
