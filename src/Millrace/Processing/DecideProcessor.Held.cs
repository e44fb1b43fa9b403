using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace;

/// <content>
/// Held entities: parked by a command that throws, or waiting for a reference row. Their commands queue in the state, in order, and nobody
/// else waits.
/// </content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    /// <summary>The queue's mark of a sweep, in the place of a command's headers.</summary>
    private static ReadOnlySpan<byte> SweepMark => "sweep"u8;

    private (int Table, byte[] Column, int Reference)[] _required = [];

    private (int Table, byte[] Column, int Reference)[] RequiredReferences()
    {
        var required = new List<(int, byte[], int)>();
        for (var table = 0; table < _layout.Rows.Length; table++)
        {
            foreach (var reference in _layout.Rows[table].Definition.References.Where(reference => reference.Required))
            {
                var index = _layout.ReferenceOf(Encoding.UTF8.GetBytes(reference.Table));
                if (index >= 0)
                {
                    required.Add((table, Encoding.UTF8.GetBytes(reference.Column), index));
                }
            }
        }
        return [.. required];
    }

    /// <summary>The first required reference of the command's rows that has not arrived; null when all have.</summary>
    private (int Table, byte[] Key)? MissingReference(ReadOnlySpan<byte> body)
    {
        if (_required.Length == 0)
        {
            return null;
        }
        var at = 0;
        while (ChangeBody.Next(body, ref at, out var change))
        {
            if (change.Op is ChangeOp.Delete or ChangeOp.Left)
            {
                continue;
            }
            var table = _layout.TableOf(change.Table);
            foreach (var (of, column, reference) in _required)
            {
                if (of != table)
                {
                    continue;
                }
                var value = JsonMembers.Find(change.Row, column);
                if (value.IsEmpty || value.SequenceEqual("null"u8))
                {
                    continue;
                }
                _value.ResetWrittenCount();
                _value.Write("["u8);
                _value.Write(value);
                _value.Write("]"u8);
                StateKeys.Begin(_key, StateKeys.Reference, (byte)reference);
                StateKeys.RowKey(_key, _value.WrittenSpan);
                if (!_transaction.TryGet(_key.WrittenSpan, out _))
                {
                    return (reference, _value.WrittenSpan.ToArray());
                }
            }
        }
        return null;
    }

    /// <summary>A reference row came, changed or went; entities that waited for it go on.</summary>
    private void HandleReference(in Record record)
    {
        var at = 0;
        while (ChangeBody.Next(record.Value.Span, ref at, out var change))
        {
            var reference = _layout.ReferenceOf(change.Table);
            if (reference < 0)
            {
                continue;
            }
            StateKeys.Begin(_key, StateKeys.Reference, (byte)reference);
            StateKeys.RowKey(_key, change.Key);
            if (change.Op == ChangeOp.Delete)
            {
                _transaction.Delete(_key.WrittenSpan);
                continue;
            }
            var row = change.Row;
            if (change.Partial && _transaction.TryGet(_key.WrittenSpan, out var old))
            {
                row = Merged(MirrorValue.Row(old), row);
            }
            MirrorValue.Write(_value, _partition.MarkOf(change.TableName), row);
            _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
            Release((byte)reference, change.Key);
        }
    }

    private bool StepReferenceSweep(Sweep sweep, byte reference)
    {
        var gone = new List<byte[]>();
        using (var cursor = _transaction.Range([StateKeys.Reference, reference], [StateKeys.Reference, (byte)(reference + 1)]))
        {
            while (cursor.MoveNext())
            {
                if (MirrorValue.Mark(cursor.Value) < sweep.Snapshot)
                {
                    gone.Add(cursor.Key.ToArray());
                }
            }
        }
        foreach (var key in gone)
        {
            _transaction.Delete(key);
        }
        return true;
    }

    private void HoldForReference(
        Entity<TState> entity,
        int reference,
        byte[] key,
        long time,
        ReadOnlySpan<byte> headers,
        ReadOnlySpan<byte> body
    )
    {
        StateKeys.Begin(_key, StateKeys.WaitingOnReference, (byte)reference);
        StateKeys.RowKey(_key, key);
        StateKeys.Text(_key, entity.Key);
        _transaction.Put(_key.WrittenSpan, entity.Key);
        var table = _layout.References[reference].Definition.Table;
        var keyText = Encoding.UTF8.GetString(key)[1..^1];
        Hold(
            entity,
            new HeldEntity(
                $"It waits for {table} {keyText}, which has not arrived.",
                Encoding.UTF8.GetString(new RecordHeaders(headers)[Header.Id]),
                Parked: false,
                0,
                table,
                keyText
            )
        );
        Enqueue(entity, time, headers, body);
    }

    /// <summary>Entities that waited for a reference row handle what queued meanwhile.</summary>
    private void Release(byte reference, ReadOnlySpan<byte> key)
    {
        StateKeys.Begin(_key, StateKeys.WaitingOnReference, reference);
        StateKeys.RowKey(_key, key);
        var from = _key.WrittenSpan.ToArray();
        var waiting = new List<(byte[] Key, byte[] Entity)>();
        using (var cursor = _transaction.Range(from, StateKeys.After(from)))
        {
            while (cursor.MoveNext())
            {
                waiting.Add((cursor.Key.ToArray(), cursor.Value.ToArray()));
            }
        }
        foreach (var (waitingKey, entity) in waiting)
        {
            if (HasLeft(entity))
            {
                // Who has it now gets the row as well.
                continue;
            }
            _transaction.Delete(waitingKey);
            Resume(Load(entity), skip: false);
        }
    }

    private void Park(Entity<TState> entity, Exception failure, long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        var id = Encoding.UTF8.GetString(new RecordHeaders(headers)[Header.Id]);
        Park(entity, failure, id);
        Enqueue(entity, time, headers, body);
    }

    private void ParkSweep(Entity<TState> entity, Exception failure, Sweep sweep)
    {
        Park(entity, failure, sweep.Id);
        EnqueueSweep(entity, sweep);
    }

    private void Park(Entity<TState> entity, Exception failure, string command)
    {
        _counters.Failed++;
        Log.EntityParked(_setup.Log, _aggregate.Name, entity.Id.Value, command, failure);
        Hold(entity, new HeldEntity($"{failure.GetType().Name}: {failure.Message}", command, Parked: true, 0));
    }

    private void Hold(Entity<TState> entity, HeldEntity held)
    {
        entity.Held = true;
        Touch(entity);
        StateKeys.Begin(_key, StateKeys.Held, entity.Key);
        _transaction.Put(_key.WrittenSpan, JsonSerializer.SerializeToUtf8Bytes(held, MillraceJson.Default.HeldEntity));
    }

    private void EnqueueSweep(Entity<TState> entity, Sweep sweep)
    {
        var bytes = new ArrayBufferWriter<byte>();
        sweep.Write(bytes);
        Enqueue(entity, sweep.Time, SweepMark, bytes.WrittenSpan);
    }

    /// <summary>Puts a command behind those that already wait.</summary>
    private void Enqueue(Entity<TState> entity, long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        StateKeys.Begin(_key, StateKeys.Queue, entity.Key);
        StateKeys.Long(_key, entity.NextInQueue++);
        Touch(entity);
        _value.ResetWrittenCount();
        var span = _value.GetSpan(12);
        BinaryPrimitives.WriteInt64LittleEndian(span, time);
        BinaryPrimitives.WriteInt32LittleEndian(span[8..], headers.Length);
        _value.Advance(12);
        _value.Write(headers);
        _value.Write(body);
        _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
    }

    /// <summary>An operator retries or skips: what this aggregate parked, or what a view or reaction did, which finds it in the event log.</summary>
    private void Operate(in Record record, OperatorRecord deed, bool skip)
    {
        if (deed.Of is not null)
        {
            _transaction.Append(Of(_eventLog, record.Key.Span), record.Time, record.Key.Span, record.Headers.Span, record.Value.Span);
            return;
        }
        StateKeys.Begin(_key, StateKeys.Held, record.Key.Span);
        if (!_transaction.TryGet(_key.WrittenSpan, out var json))
        {
            return;
        }
        var held = JsonSerializer.Deserialize(json, MillraceJson.Default.HeldEntity)!;
        if (held.Parked && (deed.At is null || deed.At == held.CommandId))
        {
            Resume(Load(record.Key.Span), skip);
        }
    }

    /// <summary>Handles what queued behind a held entity, until it is done or held again.</summary>
    private void Resume(Entity<TState> entity, bool skip)
    {
        if (!entity.Held)
        {
            return;
        }
        SweepBefore(entity);
        entity.Held = false;
        Touch(entity);
        StateKeys.Begin(_key, StateKeys.Held, entity.Key);
        _transaction.Delete(_key.WrittenSpan);
        StateKeys.Begin(_key, StateKeys.Queue, entity.Key);
        var prefix = _key.WrittenSpan.ToArray();
        var queued = new List<(byte[] Key, byte[] Value)>();
        using (var cursor = _transaction.Range(prefix, StateKeys.After(prefix)))
        {
            while (cursor.MoveNext())
            {
                queued.Add((cursor.Key.ToArray(), cursor.Value.ToArray()));
            }
        }
        foreach (var (key, value) in queued)
        {
            _transaction.Delete(key);
        }
        foreach (var (_, value) in queued)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (skip)
            {
                skip = false;
                continue;
            }
            var time = BinaryPrimitives.ReadInt64LittleEndian(value);
            var length = BinaryPrimitives.ReadInt32LittleEndian(value.AsSpan(8));
            var headers = value.AsSpan(12, length);
            ReadOnlySpan<byte> body = value.AsSpan(12 + length);
            if (headers.SequenceEqual(SweepMark))
            {
                var sweep = Sweep.Read(ref body);
                SweepQueued(entity, sweep);
            }
            else
            {
                // A sweep that is under way stands behind it in the queue: rows that the snapshot showed may be further on in it.
                HandleInTurn(entity, time, headers, body);
            }
        }
    }
}
