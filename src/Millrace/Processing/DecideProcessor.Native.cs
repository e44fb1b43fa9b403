using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <content>
/// Native commands. The decision, a rejection too, is recorded in the same commit as its events; whoever waits reads it from there. A
/// decision that throws rejects: somebody waits for the answer, and nobody's order depends on it.
/// </content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    private const int ExpireStep = 100;

    private static readonly OutcomeRecord ErasedOutcome = new("The entity was erased before the command was decided.", 0, 0);

    private void HandleNative(in Record record)
    {
        var headers = new RecordHeaders(record.Headers.Span);
        var entity = Load(record.Key.Span);
        var command = CommandInfo.Of(headers, record.Time);
        if (!TryOpen(record, headers, out var message))
        {
            AppendOutcome(entity, command, JsonSerializer.SerializeToUtf8Bytes(ErasedOutcome, MillraceJson.Default.OutcomeRecord));
            return;
        }
        var idempotencyKey = headers[Header.IdempotencyKey];
        if (!idempotencyKey.IsEmpty)
        {
            StateKeys.Begin(_key, StateKeys.Idempotency, entity.Key);
            _key.Write(idempotencyKey);
            if (_transaction.TryGet(_key.WrittenSpan, out var recorded))
            {
                AppendOutcome(entity, command, recorded[8..]);
                return;
            }
        }
        SweepBefore(entity);
        var outcome = Decide(entity, command, headers, record.Time, message);
        var json = JsonSerializer.SerializeToUtf8Bytes(outcome, MillraceJson.Default.OutcomeRecord);
        AppendOutcome(entity, command, json);
        if (!idempotencyKey.IsEmpty)
        {
            Remember(entity, idempotencyKey, record.Time, json);
        }
    }

    private OutcomeRecord Decide(
        Entity<TState> entity,
        in CommandInfo command,
        RecordHeaders headers,
        long time,
        ReadOnlySpan<byte> message
    )
    {
        var name = Encoding.UTF8.GetString(headers[Header.Type]);
        if (Refusal(entity, headers, name) is { } refusal)
        {
            _counters.Rejected++;
            return new OutcomeRecord(refusal, 0, entity.Sequence);
        }
        var (handler, read) = _commands[name];
        _backup.Take(entity);
        _events.Clear();
        _context.Enter(entity, _transaction, time, snapshot: false);
        try
        {
            var decision = handler.Decide(entity.State, read(message), _context);
            Touch(entity);
            entity.Sequence++;
            if (decision.Rejected is { } reason)
            {
                _counters.Rejected++;
                return new OutcomeRecord(reason, 0, entity.Sequence);
            }
            Publish(entity, command, default, decision);
            var count = _events.Count;
            _counters.Events += count;
            _events.AppendTo(_transaction, entity.Key, time);
            return new OutcomeRecord(null, count, entity.Sequence);
        }
        catch (Exception failure) when (IsOfItsOwn(failure))
        {
            _backup.Restore(entity);
            _events.Clear();
            _counters.Failed++;
            Log.CommandFailed(_setup.Log, _aggregate.Name, entity.Id.Value, name, failure);
            return new OutcomeRecord($"The command failed: {failure.GetType().Name}: {failure.Message}", 0, entity.Sequence);
        }
    }

    /// <summary>Why a command is not even decided; null when it is.</summary>
    private string? Refusal(Entity<TState> entity, RecordHeaders headers, string name)
    {
        if (!_commands.ContainsKey(name))
        {
            return $"The aggregate \"{_aggregate.Name}\" takes no command \"{name}\".";
        }
        if (headers.TryGet(Header.ExpectedSequence, out var expected))
        {
            if (!Utf8Parser.TryParse(expected, out long sequence, out _) || sequence != entity.Sequence)
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{_aggregate.Name} {entity.Id} is at sequence {entity.Sequence}, not {sequence}."
                );
            }
        }
        if (entity.Held)
        {
            return $"{_aggregate.Name} {entity.Id} is held until an operator or a missing row releases it.";
        }
        return entity.HasRoot ? null : $"There is no {_aggregate.Name} {entity.Id}.";
    }

    private void AppendOutcome(Entity<TState> entity, in CommandInfo command, ReadOnlySpan<byte> outcome)
    {
        _merged.ResetWrittenCount();
        RecordHeaders.Write(_merged, Header.Id, command.Id);
        RecordHeaders.Write(_merged, Header.CorrelationId, command.Correlation);
        var closed = _seal is null ? outcome : _seal.Close(entity.Key, command.Id, outcome);
        _transaction.Append(Of(_outcomes, entity.Key), command.Time, entity.Key, _merged.WrittenSpan, closed);
    }

    /// <summary>Keeps the outcome under the client's key, until the window has passed in event time.</summary>
    private void Remember(Entity<TState> entity, ReadOnlySpan<byte> idempotencyKey, long time, ReadOnlySpan<byte> outcome)
    {
        var expires = Math.Max(time, _partition.Time) + (long)_setup.Options.IdempotencyWindow.TotalMicroseconds;
        StateKeys.Begin(_key, StateKeys.Idempotency, entity.Key);
        _key.Write(idempotencyKey);
        _value.ResetWrittenCount();
        BinaryPrimitives.WriteInt64BigEndian(_value.GetSpan(8), expires);
        _value.Advance(8);
        _value.Write(outcome);
        _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
        var of = _key.WrittenSpan.ToArray();
        _key.ResetWrittenCount();
        StateKeys.Byte(_key, StateKeys.IdempotencyExpiry);
        StateKeys.Long(_key, expires);
        _key.Write(of);
        _transaction.Put(_key.WrittenSpan, of);
        _earliestExpiry = Math.Min(_earliestExpiry, expires);
    }

    private long _earliestExpiry = long.MinValue;

    private void ForgetOldIdempotencyKeys()
    {
        if (_partition.Time < _earliestExpiry)
        {
            return;
        }
        var gone = new List<(byte[] Expiry, byte[] Key)>();
        _earliestExpiry = long.MaxValue;
        using (var cursor = _transaction.Range([StateKeys.IdempotencyExpiry], [StateKeys.IdempotencyExpiry + 1]))
        {
            while (cursor.MoveNext())
            {
                var expires = BinaryPrimitives.ReadInt64BigEndian(cursor.Key[1..]) ^ long.MinValue;
                if (expires > _partition.Time || gone.Count == ExpireStep)
                {
                    _earliestExpiry = expires;
                    break;
                }
                gone.Add((cursor.Key.ToArray(), cursor.Value.ToArray()));
            }
        }
        foreach (var (expiry, key) in gone)
        {
            _transaction.Delete(expiry);
            _transaction.Delete(key);
        }
    }
}
