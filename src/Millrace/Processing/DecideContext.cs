using System.Buffers;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>What a decision reads: the entity at hand and the partition's state. One a partition, pointed at each entity in turn.</summary>
internal sealed class DecideContext<TRoot, TState, TEvent>(string aggregate, MirrorLayout<TRoot, TState, TEvent> layout) : Context<TRoot>
    where TRoot : class, IRow<TRoot>
    where TState : class
    where TEvent : class
{
    private readonly ArrayBufferWriter<byte> _key = new();
    private Entity<TState> _entity = null!;
    private IStateReader _state = null!;
    private TRoot? _deleted;

    /// <summary>Points it at an entity.</summary>
    public void Enter(Entity<TState> entity, IStateReader state, long time, bool snapshot)
    {
        _entity = entity;
        _state = state;
        _deleted = null;
        EntityId = entity.Id;
        Time = Instants.Of(time);
        IsSnapshot = snapshot;
    }

    public void RootDeleted(TRoot root) => _deleted = root;

    public override TRoot Root =>
        _entity.HasRoot
            ? (TRoot)(_entity.Root ??= TRoot.Parse(_entity.RootJson))
            : _deleted ?? throw new InvalidOperationException($"{aggregate} {EntityId} has no root row.");

    public override TChild? Child<TChild>(EntityId key)
        where TChild : class
    {
        var table = TableOf<TChild>();
        StateKeys.Begin(_key, StateKeys.Child, _entity.Key);
        StateKeys.Byte(_key, (byte)table);
        KeyJson.WriteRowKey(_key, key, TChild.Definition);
        return _state.TryGet(_key.WrittenSpan, out var value) ? TChild.Parse(value[MirrorValue.Header..]) : null;
    }

    public override Children<TChild> Children<TChild>()
    {
        var table = TableOf<TChild>();
        return new Children<TChild>(_entity.Counts[table], Read<TChild>((byte)table));
    }

    public override TReference? Reference<TReference>(EntityId key)
        where TReference : class
    {
        for (var i = 0; i < layout.References.Length; i++)
        {
            if (layout.References[i].RowType == typeof(TReference))
            {
                StateKeys.Begin(_key, StateKeys.Reference, (byte)i);
                KeyJson.WriteRowKey(_key, key, TReference.Definition);
                return _state.TryGet(_key.WrittenSpan, out var value) ? TReference.Parse(value[MirrorValue.Header..]) : null;
            }
        }
        throw new InvalidOperationException(
            $"The aggregate \"{aggregate}\" reads {TReference.Definition.Table} but does not declare .Reference<{typeof(TReference).Name}>()."
        );
    }

    private int TableOf<TChild>()
        where TChild : class, IRow<TChild>
    {
        for (var i = 0; i < layout.Rows.Length; i++)
        {
            if (layout.Rows[i].RowType == typeof(TChild))
            {
                return i;
            }
        }
        throw new InvalidOperationException(
            $"The aggregate \"{aggregate}\" reads {TChild.Definition.Table} but does not mirror it: add .OnChange<{typeof(TChild).Name}>(…) or .Child<{typeof(TChild).Name}>()."
        );
    }

    private IEnumerable<TChild> Read<TChild>(byte table)
        where TChild : class, IRow<TChild>
    {
        StateKeys.Begin(_key, StateKeys.Child, _entity.Key);
        StateKeys.Byte(_key, table);
        var from = _key.WrittenSpan.ToArray();
        using var cursor = _state.Range(from, StateKeys.After(from));
        while (cursor.MoveNext())
        {
            yield return TChild.Parse(cursor.Value[MirrorValue.Header..]);
        }
    }
}

/// <summary>A mirrored child's value in the state: the snapshot that showed it last, then its row.</summary>
internal static class MirrorValue
{
    public const int Header = 4;

    public static int Mark(ReadOnlySpan<byte> value) => System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(value);

    public static ReadOnlySpan<byte> Row(ReadOnlySpan<byte> value) => value[Header..];

    public static void Write(ArrayBufferWriter<byte> target, int mark, ReadOnlySpan<byte> row)
    {
        target.ResetWrittenCount();
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(target.GetSpan(4), mark);
        target.Advance(4);
        target.Write(row);
    }
}

/// <summary>Keys between their forms: an id as text, and the JSON array of a change.</summary>
internal static class KeyJson
{
    /// <summary>Appends an id's row key to a state key. Whether a part is a number or text the column's type says.</summary>
    public static void WriteRowKey(ArrayBufferWriter<byte> key, EntityId id, RowDefinition definition)
    {
        var json = new ArrayBufferWriter<byte>();
        json.Write("["u8);
        var parts = Split(id.Value, definition.Key.Count);
        for (var i = 0; i < parts.Count; i++)
        {
            if (i > 0)
            {
                json.Write(","u8);
            }
            json.Write(
                IsNumber(definition, definition.Key[i])
                    ? Encoding.UTF8.GetBytes(parts[i])
                    : Encoding.UTF8.GetBytes($"\"{System.Text.Json.JsonEncodedText.Encode(parts[i])}\"")
            );
        }
        json.Write("]"u8);
        StateKeys.RowKey(key, json.WrittenSpan);
    }

    /// <summary>An entity's id of its key's JSON array, see <see cref="EntityId"/>.</summary>
    public static void WriteEntityId(IBufferWriter<byte> target, ReadOnlySpan<byte> array)
    {
        Span<byte> scratch = stackalloc byte[256];
        var first = true;
        var single = JsonScan.EndOfValue(array, 1) == array.Length - 1;
        for (var at = 1; at < array.Length && array[at] != (byte)']'; )
        {
            if (array[at] == (byte)',')
            {
                at++;
            }
            var end = JsonScan.EndOfValue(array, at);
            if (!first)
            {
                target.Write(","u8);
            }
            WritePart(target, JsonScan.Text(array[at..end], scratch), single);
            first = false;
            at = end;
        }
    }

    /// <summary>One part of an id; escaped where there are several.</summary>
    public static void WritePart(IBufferWriter<byte> target, ReadOnlySpan<byte> text, bool single)
    {
        if (single || text.IndexOfAny((byte)',', (byte)'\\') < 0)
        {
            target.Write(text);
            return;
        }
        foreach (var b in text)
        {
            if (b is (byte)',' or (byte)'\\')
            {
                target.Write("\\"u8);
            }
            target.Write([b]);
        }
    }

    private static bool IsNumber(RowDefinition definition, string column)
    {
        foreach (var candidate in definition.Columns)
        {
            if (candidate.Name == column)
            {
                return candidate.Type.TrimEnd('?') is "long" or "int" or "short" or "byte" or "sbyte" or "ulong" or "uint" or "ushort";
            }
        }
        return false;
    }

    private static List<string> Split(string id, int parts)
    {
        if (parts == 1)
        {
            return [id];
        }
        var split = new List<string>(parts);
        var part = new StringBuilder();
        for (var i = 0; i < id.Length; i++)
        {
            if (id[i] == '\\' && i + 1 < id.Length)
            {
                part.Append(id[++i]);
            }
            else if (id[i] == ',')
            {
                split.Add(part.ToString());
                part.Clear();
            }
            else
            {
                part.Append(id[i]);
            }
        }
        split.Add(part.ToString());
        return split;
    }
}

/// <summary>Times in logs are microseconds since 1970-01-01T00:00:00Z.</summary>
internal static class Instants
{
    public static DateTimeOffset Of(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    public static long Of(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
