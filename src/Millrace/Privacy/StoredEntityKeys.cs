using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>Keeps the keys of entities in the engine, in the state of an appender of their own.</summary>
internal sealed class StoredEntityKeys(IEngine engine, string name) : IEntityKeys, IAsyncDisposable
{
    private const int SecretBytes = 32;

    private readonly IAppender _appender = engine.OpenAppender(name);
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Aggregate, string Entity), EntityKeyRing> _unsaved = [];

    public EntityKeyRing Find(string aggregate, string entity)
    {
        lock (_gate)
        {
            return Known(aggregate, entity);
        }
    }

    public EntityKey GetOrCreate(string aggregate, string entity)
    {
        lock (_gate)
        {
            var ring = Known(aggregate, entity);
            if (ring.Current is { } current)
            {
                return current;
            }
            Span<byte> id = stackalloc byte[8];
            RandomNumberGenerator.Fill(id);
            var key = new EntityKey(BinaryPrimitives.ReadInt64LittleEndian(id), RandomNumberGenerator.GetBytes(SecretBytes));
            _unsaved[(aggregate, entity)] = ring with { Current = key };
            return key;
        }
    }

    public async ValueTask SaveAsync(CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            List<KeyValuePair<(string Aggregate, string Entity), EntityKeyRing>> unsaved;
            lock (_gate)
            {
                unsaved = [.. _unsaved];
            }
            if (unsaved.Count > 0)
            {
                await WriteAsync(unsaved, cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DropAsync(string aggregate, string entity, CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            EntityKeyRing ring;
            lock (_gate)
            {
                ring = Known(aggregate, entity);
            }
            if (ring.Current is { } key)
            {
                var without = new EntityKeyRing(null, [.. ring.Dropped, key.Id]);
                await WriteAsync([new((aggregate, entity), without)], cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _appender.DisposeAsync().ConfigureAwait(false);
        _writing.Dispose();
    }

    private async ValueTask WriteAsync(
        List<KeyValuePair<(string Aggregate, string Entity), EntityKeyRing>> rings,
        CancellationToken cancellation
    )
    {
        var transaction = _appender.Begin();
        var value = new KeyBuffer();
        foreach (var ((aggregate, entity), ring) in rings)
        {
            value.Clear().Number(ring.Dropped.Count);
            foreach (var dropped in ring.Dropped)
            {
                value.Number(dropped);
            }
            if (ring.Current is { } key)
            {
                value.Number(key.Id).Raw(key.Secret.Span);
            }
            transaction.Put(KeyOf(aggregate, entity), value);
        }
        await _appender.CommitAsync(transaction, durable: true, cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (var (entity, _) in rings)
            {
                _unsaved.Remove(entity);
            }
        }
    }

    private EntityKeyRing Known(string aggregate, string entity)
    {
        if (_unsaved.TryGetValue((aggregate, entity), out var unsaved))
        {
            return unsaved;
        }
        if (!engine.OpenState(name, 0).TryGet(KeyOf(aggregate, entity), out var value))
        {
            return new EntityKeyRing(null, []);
        }
        var dropped = new long[KeyBuffer.ReadNumber(value)];
        value = value[8..];
        for (var i = 0; i < dropped.Length; i++, value = value[8..])
        {
            dropped[i] = KeyBuffer.ReadNumber(value);
        }
        return new EntityKeyRing(value.IsEmpty ? null : new EntityKey(KeyBuffer.ReadNumber(value), value[8..].ToArray()), dropped);
    }

    private static KeyBuffer KeyOf(string aggregate, string entity) =>
        new KeyBuffer().Start(1).Text(Encoding.UTF8.GetBytes(aggregate)).Raw(Encoding.UTF8.GetBytes(entity));
}
