namespace Millrace.TestServers;

/// <summary>Which database server.</summary>
public enum ServerKind
{
    /// <summary>MariaDB, from the distribution.</summary>
    MariaDb,

    /// <summary>MySQL 9.7 (or what the distribution's newest suite has).</summary>
    MySql,
}
