using System.Buffers.Binary;
using Millrace.Engines;

namespace Millrace;

/// <summary>The headers of an event or control, found in one walk.</summary>
internal readonly ref struct EventHeaders
{
    public EventHeaders(ReadOnlySpan<byte> packed)
    {
        Feed = -1;
        Decider = -1;
        foreach (var entry in new RecordHeaders(packed))
        {
            switch (entry.Header)
            {
                case Header.Id:
                    Id = entry.Value;
                    break;
                case Header.Type:
                    Type = entry.Value;
                    break;
                case Header.Source:
                    Source = entry.Value;
                    break;
                case Header.Subject:
                    Subject = entry.Value;
                    break;
                case Header.CorrelationId:
                    CorrelationId = entry.Value;
                    break;
                case Header.Kind:
                    IsControl = entry.Value[0] == (byte)RecordKind.Control;
                    break;
                case Header.Snapshot:
                    IsSnapshot = true;
                    break;
                case Header.Feed:
                    Feed = BinaryPrimitives.ReadInt32LittleEndian(entry.Value);
                    FeedMoment = BinaryPrimitives.ReadInt64LittleEndian(entry.Value[4..]);
                    break;
                case Header.Decider:
                    Decider = BinaryPrimitives.ReadInt32LittleEndian(entry.Value);
                    break;
                default:
                    break;
            }
        }
    }

    public ReadOnlySpan<byte> Id { get; }
    public ReadOnlySpan<byte> Type { get; }
    public ReadOnlySpan<byte> Source { get; }

    /// <summary>The entity, where it is not the key.</summary>
    public ReadOnlySpan<byte> Subject { get; }
    public ReadOnlySpan<byte> CorrelationId { get; }
    public bool IsControl { get; }
    public bool IsSnapshot { get; }

    /// <summary>The partition of the event log it came from; -1 outside of feeds.</summary>
    public int Feed { get; }

    /// <summary>The partition of the command log that a control comes from; -1 where it is the log's own number.</summary>
    public int Decider { get; }

    /// <summary>The moment that partition had reached with it.</summary>
    public long FeedMoment { get; }
}
