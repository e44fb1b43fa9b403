namespace Millrace.TestServers;

/// <summary>MariaDB for tests.</summary>
public static class MariaDbServer
{
    /// <inheritdoc cref="DatabaseServer.SharedAsync"/>
    public static Task<DatabaseServer> SharedAsync() => DatabaseServer.SharedAsync(ServerKind.MariaDb);

    /// <inheritdoc cref="DatabaseServer.StartAsync"/>
    public static Task<DatabaseServer> StartAsync(params string[] options) => DatabaseServer.StartAsync(ServerKind.MariaDb, options);
}

/// <summary>MySQL for tests.</summary>
public static class MySqlServer
{
    /// <inheritdoc cref="DatabaseServer.SharedAsync"/>
    public static Task<DatabaseServer> SharedAsync() => DatabaseServer.SharedAsync(ServerKind.MySql);

    /// <inheritdoc cref="DatabaseServer.StartAsync"/>
    public static Task<DatabaseServer> StartAsync(params string[] options) => DatabaseServer.StartAsync(ServerKind.MySql, options);
}
