using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace;

/// <content>
/// Partitions are added. At the fence a partition stops to decide for the entities that leave: it hands over their state, in bounded steps, and passes on
/// the commands that come late. A partition that is added keeps what comes, in order, until everybody has handed over, and only then begins.
/// </content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    private const int HandoverStep = 2_000;
    private const int HandoverBytes = 1024 * 1024;
    private const int BacklogStep = 8_192;

    /// <summary>Everything that is one entity's, in the order in which it is handed over.</summary>
    private static ReadOnlySpan<byte> EntityKinds =>
        [
            StateKeys.Entity,
            StateKeys.Child,
            StateKeys.WaitingOnReference,
            StateKeys.Queue,
            StateKeys.Held,
            StateKeys.Idempotency,
            StateKeys.IdempotencyExpiry,
            StateKeys.WaitingEntity,
        ];

    private readonly List<MoveRecord> _moves = [];
    private readonly List<int> _arrived = [];
    private readonly ArrayBufferWriter<byte> _control = new(128);
    private bool _isAdded;
    private bool _isComplete;
    private long _backlogFirst;
    private long _backlogNext;

    // Null while no partition was added here; then who has which slot, as far as this partition has come.
    private PartitionMap? _map;
    private int[] _origins = [];

    private bool KeepsWhatComes => !_isComplete || _backlogFirst < _backlogNext;

    private void LoadGrowth()
    {
        _isAdded = _number >= _setup.Application.Partitions;
        _isComplete = !_isAdded;
        _origins = [_number];
        if (_transaction.TryGet(StateKeys.Epochs, out var epochs))
        {
            Use(PartitionMap.Of(JsonSerializer.Deserialize(epochs, MillraceJson.Default.Int32Array)!));
            _isComplete = true;
        }
        if (_transaction.TryGet(StateKeys.Moves, out var moves))
        {
            _moves.AddRange(JsonSerializer.Deserialize(moves, MillraceJson.Default.MoveRecordArray)!);
        }
        if (_transaction.TryGet(StateKeys.Arrived, out var arrived))
        {
            _arrived.AddRange(JsonSerializer.Deserialize(arrived, MillraceJson.Default.Int32Array)!);
        }
        (_backlogFirst, _backlogNext) = (0, 0);
        using (var first = _transaction.Range([StateKeys.Backlog], [StateKeys.Backlog + 1]))
        {
            _backlogFirst = first.MoveNext() ? KeyBuffer.ReadNumber(first.Key[1..]) : 0;
        }
        using var last = _transaction.Range([StateKeys.Backlog], [StateKeys.Backlog + 1], descending: true);
        _backlogNext = last.MoveNext() ? KeyBuffer.ReadNumber(last.Key[1..]) + 1 : 0;
    }

    private void Use(PartitionMap map)
    {
        _map = map;
        _origins = map.Origins(_number);
    }

    /// <summary>Whether an entity was this partition's, and is another's since the last fence.</summary>
    private bool HasLeft(ReadOnlySpan<byte> entity) => _map is not null && _map.PartitionOf(entity) != _number;

    // ---- the fence

    /// <summary>More partitions from here on.</summary>
    private void Grow(in Record record)
    {
        var counts = Body(record, MillraceJson.Default.GrownRecord).Partitions;
        if (counts[0] != _setup.Application.Partitions)
        {
            throw new InvalidOperationException(
                $"The command log {_commandLog.Name} began with {counts[0]} partitions, says the record at offset {record.Offset}, and this process was started with Millrace:Partitions={_setup.Application.Partitions}. Set it back to {counts[0]}."
            );
        }
        for (var epoch = (_map?.Epoch ?? 1) + 1; epoch <= counts.Length; epoch++)
        {
            var before = _map ?? PartitionMap.Of(counts[0]);
            Use(PartitionMap.Of(counts[..epoch]));
            WriteDirty();
            _cache = new EntityCache<TState>(_setup.Options.CachedEntities);
            _moves.Add(
                new MoveRecord(
                    _partition.Sweeps.Count,
                    0,
                    [],
                    _partition.HandOver(_number, counts[..epoch], _outlets?.Live ?? Application.Generation, _layout)
                )
            );
            if (_number == 0)
            {
                HandOverReferences(before.Partitions, counts[epoch - 1]);
            }
            Announce(counts[..epoch], record.Time);
        }
        _transaction.Put(StateKeys.Epochs, JsonSerializer.SerializeToUtf8Bytes(counts, MillraceJson.Default.Int32Array));
        SaveMoves();
    }

    /// <summary>Tells those below that other partitions decide for some entities from here on.</summary>
    private void Announce(int[] counts, long time)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new GrownRecord(counts, _number), MillraceJson.Default.GrownRecord);
        Broadcast(time, ControlHeaders.Pack(Controls.Grown), body);
    }

    /// <summary>Writes a control to every partition of the event log that this one writes events into.</summary>
    private void Broadcast(long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        _control.ResetWrittenCount();
        _control.Write(headers);
        if (_isAdded)
        {
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(number, _number);
            RecordHeaders.Write(_control, Header.Decider, number);
        }
        foreach (var origin in _origins)
        {
            _transaction.Append(new TopicPartition(_eventLog.Topic, origin), time, [], _control.WrittenSpan, body);
        }
    }

    /// <summary>A control that travels. Settings and code reach each event log by the partition of its own number alone.</summary>
    private void Travel(in Record record, ReadOnlySpan<byte> type)
    {
        if (!_isAdded || !(type.SequenceEqual(Controls.Settings) || type.SequenceEqual(Controls.Code)))
        {
            Broadcast(record.Time, record.Headers.Span, record.Value.Span);
        }
    }

    /// <summary>A command, or a word on an entity, that came here after the fence.</summary>
    private void Forward(in Record record)
    {
        var to = _map!.After(Slots.SlotOf(record.Key.Span), _number);
        _counters.Forwarded++;
        _transaction.Append(
            new TopicPartition(_commandLog with { Partitions = _map.Partitions }, to),
            record.Time,
            record.Key.Span,
            record.Headers.Span,
            record.Value.Span
        );
    }

    // ---- handing over

    private void StepMoves()
    {
        if (_moves.Count == 0)
        {
            return;
        }
        var move = _moves[0];
        if (move.Sweeps > 0)
        {
            // What was begun before the fence ends here, see StepSweeps.
            return;
        }
        WriteDirty();
        if (move.Kind == 0 && move.Cursor.Length == 0)
        {
            // Sweeps may have loaded what leaves.
            _cache = new EntityCache<TState>(_setup.Options.CachedEntities);
        }
        var counts = move.What.Partitions;
        var blocks = new HandoverBlocks(this, counts);
        var left = HandoverStep;
        while (left > 0 && blocks.Bytes < HandoverBytes && move.Kind < EntityKinds.Length)
        {
            move = HandOverKind(move, blocks, ref left);
        }
        blocks.Flush();
        _moves[0] = move;
        if (move.Kind == EntityKinds.Length)
        {
            _moves.RemoveAt(0);
            for (var to = counts[^2]; to < counts[^1]; to++)
            {
                _transaction.Append(
                    HandoverTo(to, counts),
                    move.What.Time,
                    [],
                    ControlHeaders.Pack(Controls.HandedOver),
                    JsonSerializer.SerializeToUtf8Bytes(move.What, MillraceJson.Default.HandedOver)
                );
            }
        }
        SaveMoves();
    }

    private MoveRecord HandOverKind(MoveRecord move, HandoverBlocks blocks, ref int left)
    {
        var kind = EntityKinds[move.Kind];
        byte[] from = move.Cursor.Length == 0 ? [kind] : [.. move.Cursor, 0];
        var gone = new List<byte[]>();
        var entity = new ArrayBufferWriter<byte>();
        var ended = true;
        byte[] last = from;
        using (var cursor = _transaction.Range(from, [(byte)(kind + 1)]))
        {
            while (cursor.MoveNext())
            {
                entity.ResetWrittenCount();
                StateKeys.ReadEntity(cursor.Key, cursor.Value, entity);
                var slot = Slots.SlotOf(entity.WrittenSpan);
                last = cursor.Key.ToArray();
                left--;
                if (Leaves(move, slot))
                {
                    blocks.Add(_map!.OwnerOf(slot, move.Epoch), entity.WrittenSpan, cursor.Key, cursor.Value);
                    gone.Add(last);
                    if (kind == StateKeys.Entity)
                    {
                        _partition.WaitingChanged(-Entity<TState>.ReadWaiting(cursor.Value));
                    }
                }
                if (left <= 0 || blocks.Bytes >= HandoverBytes)
                {
                    ended = false;
                    break;
                }
            }
        }
        foreach (var key in gone)
        {
            _transaction.Delete(key);
        }
        return ended ? move with { Kind = move.Kind + 1, Cursor = [] } : move with { Cursor = last };
    }

    /// <summary>Reference rows as they are at the fence: the first partition gives them to each that is added. They are small tables, so in one go.</summary>
    private void HandOverReferences(int from, int to)
    {
        var blocks = new HandoverBlocks(this, _map!.Counts);
        using (var cursor = _transaction.Range([StateKeys.Reference], [StateKeys.Reference + 1]))
        {
            while (cursor.MoveNext())
            {
                var table = _layout.ReferenceTables[cursor.Key[1]];
                var mark = MirrorValue.Mark(cursor.Value);
                if (_partition.Sweeps.Exists(sweep => sweep.Table == table && mark < sweep.Snapshot))
                {
                    // Already gone, and not yet swept.
                    continue;
                }
                for (var partition = from; partition < to; partition++)
                {
                    blocks.Add(partition, [], cursor.Key, cursor.Value);
                }
            }
        }
        blocks.Flush();
    }

    private TopicPartition HandoverTo(int partition, IReadOnlyList<int> counts) =>
        new(_handoverLog with { Partitions = counts[^1] }, partition);

    private void SaveMoves()
    {
        if (_moves.Count == 0)
        {
            _transaction.Delete(StateKeys.Moves);
        }
        else
        {
            _transaction.Put(StateKeys.Moves, JsonSerializer.SerializeToUtf8Bytes([.. _moves], MillraceJson.Default.MoveRecordArray));
        }
    }

    /// <summary>Sweeps that began before a fence end before anything is handed over.</summary>
    private void SweepsEnded(int ended)
    {
        for (var i = 0; ended > 0 && i < _moves.Count; i++)
        {
            _moves[i] = _moves[i] with { Sweeps = Math.Max(0, _moves[i].Sweeps - ended) };
        }
        if (ended > 0 && _moves.Count > 0)
        {
            SaveMoves();
        }
    }

    /// <summary>Whether a slot leaves with a move.</summary>
    private bool Leaves(MoveRecord move, int slot) =>
        _map!.OwnerOf(slot, move.Epoch - 1) == _number && _map.OwnerOf(slot, move.Epoch) != _number;

    /// <summary>Whether the sweep in hand leaves an entity alone: it has left with a fence, and the sweep began after that.</summary>
    private bool IsSweptElsewhere(ReadOnlySpan<byte> entity)
    {
        if (!HasLeft(entity))
        {
            return false;
        }
        var slot = Slots.SlotOf(entity);
        return !_moves.Exists(move => move.Sweeps > 0 && Leaves(move, slot));
    }

    // ---- taking over

    private void TakeOver(in Record record)
    {
        var headers = new RecordHeaders(record.Headers.Span);
        var type = headers[Header.Type];
        if (type.SequenceEqual(Controls.State))
        {
            ReadOnlySpan<byte> entries = record.Value.Span;
            if (_seal is not null && !record.Key.IsEmpty && !_seal.TryOpen(record.Key.Span, headers[Header.Id], entries, out entries))
            {
                // Erased on its way. The record that says so comes in the command log.
                return;
            }
            while (HandoverBlocks.Read(ref entries, out var key, out var value))
            {
                _transaction.Put(key, value);
                if (key[0] == StateKeys.Entity)
                {
                    _partition.WaitingChanged(Entity<TState>.ReadWaiting(value));
                }
            }
        }
        else if (type.SequenceEqual(Controls.HandedOver))
        {
            TakeLast(Body(record, MillraceJson.Default.HandedOver));
        }
        else
        {
            throw new InvalidOperationException(
                $"The log {_handoverLog.Name} has a record of type \"{Encoding.UTF8.GetString(type)}\" at offset {record.Offset} that this version of Millrace does not know. Run the version that wrote it, or a later one."
            );
        }
    }

    private void TakeLast(HandedOver last)
    {
        if (_arrived.Count == 0)
        {
            _transaction.Put(StateKeys.Tables, JsonSerializer.SerializeToUtf8Bytes(last.Tables, MillraceJson.Default.StringArray));
            _transaction.Put(StateKeys.References, JsonSerializer.SerializeToUtf8Bytes(last.References, MillraceJson.Default.StringArray));
            _layout.Load(_transaction);
        }
        if (!_layout.Tables.AsSpan().StartsWith(last.Tables) || !_layout.ReferenceTables.AsSpan().StartsWith(last.References))
        {
            throw new InvalidOperationException(
                $"Partition {last.From} of {_commandLog.Name} numbers the tables of {_aggregate.Name} otherwise ({string.Join(", ", last.Tables)}) than another one does ({string.Join(", ", _layout.Tables)}), so what it hands over cannot be read. Restore the state from before the partitions were added."
            );
        }
        _partition.TakeOver(last);
        _arrived.Add(last.From);
        _transaction.Put(StateKeys.Arrived, JsonSerializer.SerializeToUtf8Bytes([.. _arrived], MillraceJson.Default.Int32Array));
        if (_arrived.Count == last.Partitions[^2])
        {
            Use(PartitionMap.Of(last.Partitions));
            _transaction.Put(StateKeys.Epochs, JsonSerializer.SerializeToUtf8Bytes(last.Partitions, MillraceJson.Default.Int32Array));
            _isComplete = true;
            _transaction = _outlets?.TakeOver(last.Live) ?? _transaction;
            _earliestExpiry = long.MinValue;
            _required = RequiredReferences();
        }
    }

    // ---- what comes before everything was handed over

    private void Keep(in Record record)
    {
        _value.ResetWrittenCount();
        var span = _value.GetSpan(24);
        BinaryPrimitives.WriteInt64LittleEndian(span, record.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(span[8..], record.Time);
        BinaryPrimitives.WriteInt32LittleEndian(span[16..], record.Key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span[20..], record.Headers.Length);
        _value.Advance(24);
        _value.Write(record.Key.Span);
        _value.Write(record.Headers.Span);
        _value.Write(record.Value.Span);
        _transaction.Put(BacklogKey(_backlogNext++), _value.WrittenSpan);
    }

    private void StepBacklog()
    {
        for (var handled = 0; _isComplete && _backlogFirst < _backlogNext && handled < BacklogStep; handled++)
        {
            _cancellation.ThrowIfCancellationRequested();
            var key = BacklogKey(_backlogFirst++);
            if (!_transaction.TryGet(key, out var kept))
            {
                throw new InvalidOperationException($"What partition {_number} of {_commandLog.Name} has kept is not whole.");
            }
            var bytes = kept.ToArray().AsMemory();
            _transaction.Delete(key);
            var keyEnd = 24 + BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[16..]);
            var headersEnd = keyEnd + BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[20..]);
            Handle(
                new Record(
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.Span),
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[8..]),
                    bytes[24..keyEnd],
                    bytes[keyEnd..headersEnd],
                    bytes[headersEnd..]
                )
            );
        }
    }

    private static byte[] BacklogKey(long number)
    {
        var key = new byte[9];
        key[0] = StateKeys.Backlog;
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(1), number ^ long.MinValue);
        return key;
    }

    /// <summary>State on its way to other partitions: several entries a record; of a personal aggregate one, encrypted as everything of the entity is.</summary>
    private sealed class HandoverBlocks(DecideProcessor<TRoot, TState, TEvent> from, IReadOnlyList<int> counts)
    {
        private const int Most = 64 * 1024;

        private readonly SortedDictionary<int, ArrayBufferWriter<byte>> _to = [];

        public int Bytes { get; private set; }

        public void Add(int to, ReadOnlySpan<byte> entity, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            if (!_to.TryGetValue(to, out var block))
            {
                _to.Add(to, block = new ArrayBufferWriter<byte>());
            }
            var span = block.GetSpan(8);
            BinaryPrimitives.WriteInt32LittleEndian(span, key.Length);
            BinaryPrimitives.WriteInt32LittleEndian(span[4..], value.Length);
            block.Advance(8);
            block.Write(key);
            block.Write(value);
            Bytes += 8 + key.Length + value.Length;
            if (from._seal is not null && !entity.IsEmpty)
            {
                Append(to, entity, block);
            }
            else if (block.WrittenCount >= Most)
            {
                Append(to, [], block);
            }
        }

        public void Flush()
        {
            foreach (var (to, block) in _to)
            {
                if (block.WrittenCount > 0)
                {
                    Append(to, [], block);
                }
            }
        }

        /// <summary>Takes the next entry off a record's value.</summary>
        public static bool Read(ref ReadOnlySpan<byte> entries, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
        {
            key = default;
            value = default;
            if (entries.IsEmpty)
            {
                return false;
            }
            var keyEnd = 8 + BinaryPrimitives.ReadInt32LittleEndian(entries);
            var valueEnd = keyEnd + BinaryPrimitives.ReadInt32LittleEndian(entries[4..]);
            key = entries[8..keyEnd];
            value = entries[keyEnd..valueEnd];
            entries = entries[valueEnd..];
            return true;
        }

        private void Append(int to, ReadOnlySpan<byte> entity, ArrayBufferWriter<byte> block)
        {
            var headers = from._control;
            headers.ResetWrittenCount();
            headers.Write(ControlHeaders.Pack(Controls.State));
            ReadOnlySpan<byte> value = block.WrittenSpan;
            if (!entity.IsEmpty)
            {
                var id = Encoding.UTF8.GetBytes($"handover-{from._number}-{to}");
                RecordHeaders.Write(headers, Header.Id, id);
                value = from._seal!.Close(entity, id, value);
            }
            from._transaction.Append(from.HandoverTo(to, counts), 0, entity, headers.WrittenSpan, value);
            block.ResetWrittenCount();
        }
    }
}

/// <summary>Entities on their way to partitions that were added.</summary>
/// <param name="Sweeps">How many sweeps from before the fence have to end first.</param>
/// <param name="Kind">Which kind of key is next.</param>
/// <param name="Cursor">The last key looked at; empty at the beginning of a kind.</param>
/// <param name="What">What the partition knew at the fence.</param>
internal sealed record MoveRecord(int Sweeps, int Kind, byte[] Cursor, HandedOver What)
{
    /// <summary>The epoch that begins with the fence.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Epoch => What.Partitions.Length;
}
