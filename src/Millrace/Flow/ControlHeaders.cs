using Millrace.Engines;

namespace Millrace;

/// <summary>Packed headers of the runtime's own records.</summary>
internal static class ControlHeaders
{
    private static readonly byte[] PackedTick = Pack(Controls.Tick);

    /// <summary>The headers of a tick.</summary>
    public static ReadOnlySpan<byte> Tick => PackedTick;

    /// <summary>The headers of a control of a type.</summary>
    public static byte[] Pack(ReadOnlySpan<byte> type)
    {
        var buffer = new KeyBuffer();
        RecordHeaders.Write(buffer, Header.Kind, [(byte)RecordKind.Control]);
        RecordHeaders.Write(buffer, Header.Type, type);
        return buffer.Span.ToArray();
    }
}
