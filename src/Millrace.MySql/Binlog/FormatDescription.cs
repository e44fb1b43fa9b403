using System.Globalization;
using System.Text;
using Millrace.MySql.Protocol;

namespace Millrace.MySql.Binlog;

/// <summary>The event that begins every file: the server's version and how the file's events are laid out.</summary>
internal sealed record FormatDescription(string ServerVersion, bool HasChecksums, byte[] PostHeaderLengths)
{
    const int ChecksumSize = 4;

    /// <summary>Of a reader that has seen none yet.</summary>
    public static readonly FormatDescription None = new("", false, []);

    public bool IsMariaDb => ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);

    /// <summary>The length of the fixed part of a type's body; 0 where the file does not say.</summary>
    public int PostHeaderLength(BinlogEventType type) =>
        (int)type - 1 < PostHeaderLengths.Length && type > 0 ? PostHeaderLengths[(int)type - 1] : 0;

    /// <summary>Of the body with its checksum, which this event has even in a file without checksums.</summary>
    public static FormatDescription Read(ReadOnlySpan<byte> body)
    {
        var cursor = new ByteCursor(body);
        var version = cursor.U16();
        if (version != 4)
            throw new WireFormatException($"binlog version {version} is not supported; it must be 4 (MySQL 5.0 and later)");
        var server = Encoding.ASCII.GetString(cursor.Bytes(50)).TrimEnd('\0');
        cursor.Skip(4);
        var header = cursor.U8();
        if (header != BinlogEventHeader.Size)
            throw new WireFormatException($"event headers of {header} bytes are not supported; they must be {BinlogEventHeader.Size}");
        var rest = cursor.Rest;
        if (!KnowsChecksums(server) || rest.Length < ChecksumSize + 1)
            return new FormatDescription(server, false, rest.ToArray());
        var algorithm = rest[^(ChecksumSize + 1)];
        if (algorithm > 1)
            throw new WireFormatException($"checksum algorithm {algorithm} is not known; it must be 0 (none) or 1 (CRC32)");
        return new FormatDescription(server, algorithm == 1, rest[..^(ChecksumSize + 1)].ToArray());
    }

    /// <summary>MySQL from 5.6.1, MariaDB from 5.3.</summary>
    static bool KnowsChecksums(string server)
    {
        var mariaDb = server.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
        // Old MariaDB hides behind a version that old replicas accept.
        if (mariaDb && server.StartsWith("5.5.5-", StringComparison.Ordinal))
            return true;
        var numbers = server.Split('.', '-');
        var version = 0;
        for (var i = 0; i < 3; i++)
        {
            version *= 1000;
            if (i < numbers.Length && int.TryParse(numbers[i], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                version += number;
        }
        return version >= (mariaDb ? 5_003_000 : 5_006_001);
    }
}
