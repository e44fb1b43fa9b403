using System.Buffers;

namespace Millrace;

/// <summary>
/// Compares a row with the mirror. A column that only one side has is unknown there, not different: after ADD COLUMN nothing
/// changed, and a partial row image says nothing about the columns it lacks.
/// </summary>
internal static class RowComparison
{
    /// <summary>Whether a column that both have differs.</summary>
    public static bool Differs(ReadOnlySpan<byte> mirror, ReadOnlySpan<byte> row)
    {
        if (mirror.SequenceEqual(row))
        {
            return false;
        }
        var old = new JsonMembers(mirror);
        var now = new JsonMembers(row);
        var aligned = true;
        while (now.MoveNext())
        {
            ReadOnlySpan<byte> was;
            if (aligned && old.MoveNext() && old.Name.SequenceEqual(now.Name))
            {
                was = old.Value;
            }
            else
            {
                // Columns moved or came: look each one up from here on.
                aligned = false;
                was = JsonMembers.Find(mirror, now.Name);
            }
            if (!was.IsEmpty && !was.SequenceEqual(now.Value))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>A partial image laid over the mirror: its columns, and the mirror's where it has none.</summary>
    public static void Merge(ReadOnlySpan<byte> mirror, ReadOnlySpan<byte> partial, IBufferWriter<byte> merged)
    {
        var first = true;
        var old = new JsonMembers(mirror);
        while (old.MoveNext())
        {
            var value = JsonMembers.Find(partial, old.Name);
            Write(merged, ref first, old.Name, value.IsEmpty ? old.Value : value);
        }
        var now = new JsonMembers(partial);
        while (now.MoveNext())
        {
            if (JsonMembers.Find(mirror, now.Name).IsEmpty)
            {
                Write(merged, ref first, now.Name, now.Value);
            }
        }
        merged.Write(first ? "{}"u8 : "}"u8);
    }

    private static void Write(IBufferWriter<byte> merged, ref bool first, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        merged.Write(first ? "{\""u8 : ",\""u8);
        merged.Write(name);
        merged.Write("\":"u8);
        merged.Write(value);
        first = false;
    }
}
