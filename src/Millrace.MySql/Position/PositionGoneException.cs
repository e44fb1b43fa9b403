namespace Millrace.MySql.Position;

/// <summary>The saved position does not belong to this server, or to this server's binlogs any more.</summary>
internal sealed class PositionGoneException(string reason) : Exception(reason);
