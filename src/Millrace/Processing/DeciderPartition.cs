using System.Buffers;
using System.Buffers.Binary;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <summary>What a deciding partition keeps beside its entities: how far the source was applied, and where snapshots and sweeps stand.</summary>
internal sealed class DeciderPartition
{
    private bool _dirty;

    /// <summary>The highest source position applied. Stream changes at or below it are dropped before any comparison.</summary>
    public SourcePosition Applied { get; private set; }

    /// <summary>The running maximum of the records' times.</summary>
    public long Time { get; private set; } = long.MinValue;

    /// <summary>By table: the snapshot that began last; rows shown or streamed since are marked with it.</summary>
    public Dictionary<string, int> Snapshots { get; } = [];

    /// <summary>Sweeps not yet at their end, oldest first.</summary>
    public List<Sweep> Sweeps { get; } = [];

    /// <summary>Rows that wait for their root.</summary>
    public long Waiting { get; private set; }

    /// <summary>How often every table was shown whole: the ends of all snapshots.</summary>
    public int Whole { get; private set; }

    public void TablesAreWhole()
    {
        Whole++;
        _dirty = true;
    }

    public void WaitingChanged(int by)
    {
        Waiting += by;
        _dirty = true;
    }

    /// <summary>Whether the position is new; if so it is the highest now.</summary>
    public bool Advance(SourcePosition position)
    {
        if (position <= Applied)
        {
            return false;
        }
        Applied = position;
        _dirty = true;
        return true;
    }

    public void Pass(long time)
    {
        if (time > Time)
        {
            Time = time;
            _dirty = true;
        }
    }

    public void SnapshotBegan(string table, int snapshot)
    {
        Snapshots[table] = Math.Max(snapshot, Snapshots.GetValueOrDefault(table));
        _dirty = true;
    }

    public void SweepBegins(Sweep sweep)
    {
        Sweeps.Add(sweep);
        _dirty = true;
    }

    public void SweepMoved() => _dirty = true;

    /// <summary>What a partition that is added has to know of this one.</summary>
    public HandedOver HandOver(int from, int[] counts, int live, IMirrorTables tables)
    {
        var applied = new byte[SourcePosition.Size];
        Applied.Write(applied);
        return new HandedOver(from, counts, applied, Time, Whole, new(Snapshots), tables.Tables, tables.ReferenceTables, live);
    }

    /// <summary>
    /// Takes what another partition knew. Whatever the source had to say up to the fence was in one of them, so what all of them together have applied is
    /// everything up to there.
    /// </summary>
    public void TakeOver(HandedOver from)
    {
        Advance(SourcePosition.Read(from.Applied));
        Pass(from.Time);
        Whole = Math.Max(Whole, from.Whole);
        foreach (var (table, snapshot) in from.Snapshots)
        {
            SnapshotBegan(table, snapshot);
        }
        _dirty = true;
    }

    public int MarkOf(string table) => Snapshots.GetValueOrDefault(table);

    public void Load(IStateReader state)
    {
        if (state.TryGet(StateKeys.Position, out var position))
        {
            Applied = SourcePosition.Read(position);
        }
        if (state.TryGet(StateKeys.Time, out var time))
        {
            Time = BinaryPrimitives.ReadInt64BigEndian(time);
        }
        if (state.TryGet(StateKeys.WaitingRows, out var waiting))
        {
            Waiting = BinaryPrimitives.ReadInt64BigEndian(waiting);
        }
        if (state.TryGet(StateKeys.Whole, out var whole))
        {
            Whole = BinaryPrimitives.ReadInt32BigEndian(whole);
        }
        if (state.TryGet(StateKeys.Snapshots, out var snapshots))
        {
            var reader = new System.Text.Json.Utf8JsonReader(snapshots);
            reader.Read();
            while (reader.Read() && reader.TokenType == System.Text.Json.JsonTokenType.PropertyName)
            {
                var table = reader.GetString()!;
                reader.Read();
                Snapshots[table] = reader.GetInt32();
            }
        }
        if (state.TryGet(StateKeys.Sweeps, out var sweeps))
        {
            while (!sweeps.IsEmpty)
            {
                Sweeps.Add(Sweep.Read(ref sweeps));
            }
        }
    }

    public void Save(ITransaction transaction)
    {
        if (!_dirty)
        {
            return;
        }
        _dirty = false;
        Span<byte> position = stackalloc byte[SourcePosition.Size];
        Applied.Write(position);
        transaction.Put(StateKeys.Position, position);
        BinaryPrimitives.WriteInt64BigEndian(position, Time);
        transaction.Put(StateKeys.Time, position[..8]);
        BinaryPrimitives.WriteInt64BigEndian(position, Waiting);
        transaction.Put(StateKeys.WaitingRows, position[..8]);
        BinaryPrimitives.WriteInt32BigEndian(position, Whole);
        transaction.Put(StateKeys.Whole, position[..4]);
        if (Snapshots.Count > 0)
        {
            var json = new ArrayBufferWriter<byte>();
            using (var writer = new System.Text.Json.Utf8JsonWriter(json))
            {
                writer.WriteStartObject();
                foreach (var (table, snapshot) in Snapshots)
                {
                    writer.WriteNumber(table, snapshot);
                }
                writer.WriteEndObject();
            }
            transaction.Put(StateKeys.Snapshots, json.WrittenSpan);
        }
        if (Sweeps.Count > 0)
        {
            var bytes = new ArrayBufferWriter<byte>();
            foreach (var sweep in Sweeps)
            {
                sweep.Write(bytes);
            }
            transaction.Put(StateKeys.Sweeps, bytes.WrittenSpan);
        }
        else
        {
            transaction.Delete(StateKeys.Sweeps);
        }
    }
}

/// <summary>
/// The search for mirrored rows that a finished snapshot did not show: rows of the table whose mark is below the snapshot. It goes through the
/// partition in bounded steps; an entity that gets a command before its turn is swept first.
/// </summary>
internal sealed class Sweep
{
    /// <summary>In place of a table: rows that wait although every table was shown whole. No table has this name.</summary>
    public const string OfOrphans = "";

    public required string Table { get; init; }
    public bool IsOfOrphans => Table.Length == 0;

    /// <summary>The table's snapshot; of orphans, how often every table had been shown whole with it.</summary>
    public required int Snapshot { get; init; }

    /// <summary>The id of the record that began it: the id of the commands it makes.</summary>
    public required string Id { get; init; }
    public required long Time { get; init; }

    /// <summary>The last state key looked at; empty at the beginning.</summary>
    public byte[] Cursor { get; set; } = [];

    public void Write(ArrayBufferWriter<byte> bytes)
    {
        Part(bytes, System.Text.Encoding.UTF8.GetBytes(Table));
        Part(bytes, System.Text.Encoding.UTF8.GetBytes(Id));
        Part(bytes, Cursor);
        var span = bytes.GetSpan(12);
        BinaryPrimitives.WriteInt32LittleEndian(span, Snapshot);
        BinaryPrimitives.WriteInt64LittleEndian(span[4..], Time);
        bytes.Advance(12);
    }

    public static Sweep Read(ref ReadOnlySpan<byte> bytes)
    {
        var table = System.Text.Encoding.UTF8.GetString(Part(ref bytes));
        var id = System.Text.Encoding.UTF8.GetString(Part(ref bytes));
        var cursor = Part(ref bytes).ToArray();
        var sweep = new Sweep
        {
            Table = table,
            Id = id,
            Cursor = cursor,
            Snapshot = BinaryPrimitives.ReadInt32LittleEndian(bytes),
            Time = BinaryPrimitives.ReadInt64LittleEndian(bytes[4..]),
        };
        bytes = bytes[12..];
        return sweep;
    }

    private static void Part(ArrayBufferWriter<byte> bytes, ReadOnlySpan<byte> part)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.GetSpan(4), part.Length);
        bytes.Advance(4);
        bytes.Write(part);
    }

    private static ReadOnlySpan<byte> Part(ref ReadOnlySpan<byte> bytes)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var part = bytes.Slice(4, length);
        bytes = bytes[(4 + length)..];
        return part;
    }
}
