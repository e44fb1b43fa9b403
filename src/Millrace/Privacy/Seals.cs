using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>What an application with personal aggregates shares: the keys of entities, and the one way to drop one.</summary>
internal sealed class Seals(Application application, IEntityKeys keys, StoredEntityKeys? own = null) : IAsyncDisposable
{
    private readonly EraseGate _gate = new();
    private readonly Lock _reading = new();
    private readonly Dictionary<string, EntitySeal> _readers = [];
    private int _drops;

    public IEntityKeys Keys => keys;

    /// <summary>Whether the keys are kept in the engine, and known to this process alone.</summary>
    public bool KeepsKeys => own is not null;

    /// <summary>How often keys were dropped, as far as this process knows.</summary>
    public int Drops => Volatile.Read(ref _drops);

    /// <summary>What an application needs; null where nothing of it is personal, so that nothing is looked at twice.</summary>
    public static Seals? Of(Application application, IEngine engine, IServiceProvider services)
    {
        if (!application.Topology.Aggregates.Any(aggregate => aggregate.IsPersonal))
        {
            return null;
        }
        if (services.GetService(typeof(IEntityKeys)) is IEntityKeys keys)
        {
            return new Seals(application, keys);
        }
        var own = new StoredEntityKeys(engine, $"{application.Topology.Name}.keys");
        return new Seals(application, own, own);
    }

    /// <summary>The seal of an aggregate, for one user of it; null where it is not personal.</summary>
    public EntitySeal? For(AggregateDefinition aggregate) => aggregate.IsPersonal ? new EntitySeal(aggregate.Name, this) : null;

    /// <summary>The key of an entity is gone, here or in another process.</summary>
    public void Dropped() => Interlocked.Increment(ref _drops);

    /// <summary>Commits records that were closed for the first time, unless a key was dropped since.</summary>
    /// <param name="drops">What <see cref="Drops"/> was before the first was closed.</param>
    /// <param name="appender">Whose transaction it is.</param>
    /// <param name="transaction">What to commit.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <returns>False where nothing was written, since a key was dropped meanwhile.</returns>
    public async ValueTask<bool> TryCommitAsync(int drops, IAppender appender, ITransaction transaction, CancellationToken cancellation)
    {
        await keys.SaveAsync(cancellation).ConfigureAwait(false);
        await _gate.EnterAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (drops != Drops)
            {
                return false;
            }
            await appender.CommitAsync(transaction, durable: false, cancellation).ConfigureAwait(false);
            return true;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Drops a key and has the record of it written, with no commit of encrypted records between the two.</summary>
    public Task EraseAsync(AggregateDefinition aggregate, string entity, Func<Task> record, CancellationToken cancellation) =>
        _gate.EraseAsync(
            async () =>
            {
                await keys.DropAsync(aggregate.Name, entity, cancellation).ConfigureAwait(false);
                Dropped();
                await record().ConfigureAwait(false);
            },
            cancellation
        );

    /// <summary>Saves the keys that a processor made, before the engine commits what it wrote.</summary>
    public async ValueTask<Progress> SavedAsync(EntitySeal seal, Progress progress, CancellationToken cancellation)
    {
        if (seal.HasNewKeys)
        {
            await keys.SaveAsync(cancellation).ConfigureAwait(false);
            seal.HasNewKeys = false;
        }
        return progress;
    }

    /// <summary>Reads a record's value for people who look at logs; false where it is erased.</summary>
    /// <param name="of">The aggregate, view or reaction whose log it is.</param>
    /// <param name="record">The record.</param>
    /// <param name="value">Its value.</param>
    public bool TryRead(string? of, in Record record, out ReadOnlyMemory<byte> value)
    {
        value = record.Value;
        if (AggregateOf(of) is not { IsPersonal: true } aggregate)
        {
            return true;
        }
        lock (_reading)
        {
            if (!_readers.TryGetValue(aggregate.Name, out var seal))
            {
                _readers[aggregate.Name] = seal = new EntitySeal(aggregate.Name, this);
            }
            var found = seal.TryOpen(
                EntityOf(record.Key.Span, record.Headers.Span),
                IdOf(record.Headers.Span),
                record.Value.Span,
                out var opened
            );
            value = opened.ToArray();
            return found;
        }
    }

    /// <summary>The entity of a record: its subject, or its key.</summary>
    public static ReadOnlySpan<byte> EntityOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers) =>
        new RecordHeaders(headers).TryGet(Header.Subject, out var subject) ? subject : key;

    public static ReadOnlySpan<byte> IdOf(ReadOnlySpan<byte> headers) => new RecordHeaders(headers)[Header.Id];

    public async ValueTask DisposeAsync()
    {
        foreach (var reader in _readers.Values)
        {
            reader.Dispose();
        }
        if (own is not null)
        {
            await own.DisposeAsync().ConfigureAwait(false);
        }
    }

    private AggregateDefinition? AggregateOf(string? name) =>
        application.Topology.Aggregates.FirstOrDefault(aggregate => aggregate.Name == name)
        ?? application.Topology.Reactions.FirstOrDefault(reaction => reaction.Name == name)?.Aggregate
        ?? application.Topology.Views.FirstOrDefault(view => view.Name == name)?.Aggregate;
}

/// <summary>Opens the values of records that stages below the event log were handed, or kept.</summary>
internal static class SealExtensions
{
    /// <summary>The value of an item; false where it is erased. Without a seal the value stands as it is.</summary>
    public static bool TryOpen(this EntitySeal? seal, in Incoming item, in EventHeaders headers, out ReadOnlySpan<byte> value)
    {
        value = item.Value.Span;
        return seal is null || seal.TryOpen(headers.Subject.IsEmpty ? item.Key.Span : headers.Subject, headers.Id, value, out value);
    }
}
