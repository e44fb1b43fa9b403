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

    /// <summary>What the hashes of masked columns are keyed with; at least 16 characters, kept like a password. Another one gives other hashes.</summary>
    /// <value>The default value is null: no column can be masked by a hash.</value>
    public string? MaskSecret { get; set; }

    /// <summary>
    /// Leaves a column out for good: its values are passed over in the binlog, not selected by a snapshot, and written nowhere. No row record may map it.
    /// </summary>
    /// <param name="column">TABLE.COLUMN.</param>
    /// <returns>These options.</returns>
    public MySqlSourceOptions Exclude(string column)
    {
        ArgumentException.ThrowIfNullOrEmpty(column);
        Excluded.Add(column);
        return this;
    }

    /// <summary>
    /// Masks a column for good: in the place of its values stand hashes keyed with <see cref="MaskSecret"/>, so that it still shows whether a value changed,
    /// or always the same text. NULL stays NULL. A row record may map it as a string.
    /// </summary>
    /// <param name="column">TABLE.COLUMN.</param>
    /// <param name="text">What stands for every value; null for hashes.</param>
    /// <returns>These options.</returns>
    public MySqlSourceOptions Mask(string column, string? text = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(column);
        Masked.Add(new(column, text));
        return this;
    }

    internal List<string> Excluded { get; } = [];

    internal List<KeyValuePair<string, string?>> Masked { get; } = [];
}
