using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <content>Erasure: what the state has of an entity goes. What the logs have of it nobody can read any more.</content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    private static readonly byte[] ErasedHeaders = ControlHeaders.Pack(Controls.Erased);

    /// <summary>Forgets an entity, as if it had never been, and tells those below.</summary>
    private void Erase(in Record record)
    {
        // The key may have been dropped by another process.
        _setup.Seals?.Dropped();
        var entity = Load(record.Key.Span);
        StopWaiting(entity);
        DeleteAll(StateKeys.Child, entity);
        DeleteAll(StateKeys.Queue, entity);
        DeleteAll(StateKeys.Idempotency, entity);
        StateKeys.Begin(_key, StateKeys.Held, entity.Key);
        _transaction.Delete(_key.WrittenSpan);
        entity.Forget(_aggregate.Initial);
        Touch(entity);
        _transaction.Append(Of(_eventLog, entity.Key), record.Time, entity.Key, ErasedHeaders, default);
    }

    /// <summary>An entity that waits for a reference row is not to be woken by it.</summary>
    private void StopWaiting(Entity<TState> entity)
    {
        StateKeys.Begin(_key, StateKeys.Held, entity.Key);
        if (
            !_transaction.TryGet(_key.WrittenSpan, out var json)
            || JsonSerializer.Deserialize(json, MillraceJson.Default.HeldEntity) is not { Table: { } table, Key: { } key }
            || _layout.ReferenceOf(Encoding.UTF8.GetBytes(table)) is not (>= 0 and var reference)
        )
        {
            return;
        }
        StateKeys.Begin(_key, StateKeys.WaitingOnReference, (byte)reference);
        StateKeys.RowKey(_key, Encoding.UTF8.GetBytes($"[{key}]"));
        StateKeys.Text(_key, entity.Key);
        _transaction.Delete(_key.WrittenSpan);
    }

    private void DeleteAll(byte kind, Entity<TState> entity)
    {
        StateKeys.Begin(_key, kind, entity.Key);
        var keys = new List<byte[]>();
        using (var cursor = _transaction.Range(_key.WrittenSpan, StateKeys.After(_key.WrittenSpan)))
        {
            while (cursor.MoveNext())
            {
                keys.Add(cursor.Key.ToArray());
            }
        }
        foreach (var key in keys)
        {
            _transaction.Delete(key);
        }
    }
}
