using Millrace.MySql.Binlog;

namespace Millrace.MySql.Capture;

/// <summary>A TABLE_MAP or rows event kept for later.</summary>
internal sealed record RawEvent(BinlogEventType Type, byte[] Body);

/// <summary>The rows of a prepared XA transaction; they wait for its commit, which may come much later.</summary>
/// <param name="Before">Where it begins.</param>
/// <param name="GtidsBefore">What was read before it.</param>
/// <param name="Events">Its events of captured tables.</param>
internal sealed record PreparedTransaction(BinlogPosition Before, string? GtidsBefore, List<RawEvent> Events);
