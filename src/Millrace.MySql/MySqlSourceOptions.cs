namespace Millrace;

/// <summary>How a MySQL or MariaDB database is captured; the configuration section <c>Millrace:MySql:</c> and the source's name.</summary>
public sealed class MySqlSourceOptions
{
    /// <summary>
    /// How to reach the server, and as whom, in MySqlConnector's form; the database is the one to capture. Its SslMode, SslCa and
    /// AllowPublicKeyRetrieval hold for the binlog as well.
    /// </summary>
    /// <value>The default value is the connection string of the source's name.</value>
    public string ConnectionString { get; set; } = "";

    /// <summary>The id by which the server knows this replica; no other replica may have it.</summary>
    /// <value>The default value is null: a random one, chosen once and kept.</value>
    public uint? ReplicaId { get; set; }

    /// <summary>How often an idle server shows that it lives. After three of these without a byte the connection is given up.</summary>
    /// <value>The default value is 5 seconds.</value>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The most rows of one chunk of a snapshot.</summary>
    /// <value>The default value is 2,000.</value>
    public int ChunkRows { get; set; } = 2_000;
}
