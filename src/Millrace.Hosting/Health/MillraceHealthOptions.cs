namespace Millrace;

/// <summary>When an application counts as ready and alive; the configuration section <c>Millrace:Health</c>.</summary>
public sealed class MillraceHealthOptions
{
    /// <summary>How far a source may be behind its server's head for the application to be ready.</summary>
    /// <value>The default value is 30 seconds.</value>
    public TimeSpan MaxLag { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether it is ready while a table's snapshot runs.</summary>
    /// <value>The default value is true.</value>
    public bool ReadyDuringSnapshot { get; set; } = true;

    /// <summary>How long a loop may take to go round for the application to be alive.</summary>
    /// <value>The default value is 60 seconds.</value>
    public TimeSpan MaxHeartbeatAge { get; set; } = TimeSpan.FromSeconds(60);
}
