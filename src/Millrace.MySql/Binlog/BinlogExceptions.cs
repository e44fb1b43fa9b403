using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>A binlog that cannot be read on at <see cref="Position"/>.</summary>
internal class BinlogException(BinlogPosition position, string problem, Exception? inner = null)
    : WireException($"binlog {position}: {problem}", inner)
{
    public BinlogPosition Position => position;
}

/// <summary>The bytes of an event are not those that were written.</summary>
internal sealed class BinlogChecksumException(BinlogPosition position, BinlogEventType type, uint expected, uint actual)
    : BinlogException(
        position,
        $"the checksum of the {type} event is {expected:x8}, its bytes give {actual:x8}: they were altered on disk or on the way. "
            + "Read it again; if that fails, check the file on the server (mysqlbinlog --verify-binlog-checksum) and take a new snapshot from an intact position."
    );

/// <summary>A binlog file that ends inside an event.</summary>
internal sealed class BinlogTruncatedException(BinlogPosition position, string problem) : BinlogException(position, problem);

/// <summary>An event that must not be passed over and that this reader does not know.</summary>
internal sealed class UnsupportedEventException(BinlogPosition position, string problem) : BinlogException(position, problem);
