using System.Globalization;

namespace Millrace.MySql.Binlog;

/// <summary>A place in a server's binlog: a file and the bytes before the place.</summary>
internal readonly record struct BinlogPosition(string File, ulong Offset) : IComparable<BinlogPosition>
{
    /// <summary>By the number at the end of the file's name, which grows a digit after 999999, then by offset.</summary>
    public int CompareTo(BinlogPosition other)
    {
        var byFile = FileNumber(File).CompareTo(FileNumber(other.File));
        return byFile != 0 ? byFile : Offset.CompareTo(other.Offset);
    }

    /// <summary>The number after the last dot, 0 where there is none.</summary>
    public static ulong FileNumber(string? file) =>
        file is not null
        && ulong.TryParse(file.AsSpan(file.LastIndexOf('.') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;

    public override string ToString() => $"{File}:{Offset}";
}
