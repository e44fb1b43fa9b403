using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>What an operator wants done with something parked below an event log, as the log of the stage that parked it has it.</summary>
/// <param name="Record">Who, why, and with what.</param>
/// <param name="Skips">Whether what stands first is left out.</param>
internal readonly record struct Deed(OperatorRecord Record, bool Skips)
{
    /// <summary>Reads a record that is meant for a view or reaction; what is not, or is another's, is none of its business.</summary>
    public static bool TryRead(ReadOnlySpan<byte> type, ReadOnlySpan<byte> value, string stage, out Deed deed)
    {
        deed = default;
        if (!Controls.IsDeed(type))
        {
            return false;
        }
        var record =
            JsonSerializer.Deserialize(value, MillraceJson.Default.OperatorRecord)
            ?? throw new EngineException($"A record of an operator for \"{stage}\" has no body.");
        deed = new Deed(record, type.SequenceEqual(Controls.Skip));
        return record.Of == stage;
    }
}
