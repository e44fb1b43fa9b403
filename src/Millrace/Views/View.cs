using Millrace.Engines;

namespace Millrace;

/// <summary>A materialization of events that can be queried. <c>View.Named("open-tickets").Of(Ticket.Definition).PerEntity().Document&lt;OpenTicket&gt;(Apply)</c>.</summary>
public abstract class View
{
    private protected View(string name, AggregateDefinition aggregate)
    {
        Name = name;
        Aggregate = aggregate;
    }

    /// <summary>The durable name.</summary>
    public string Name { get; }

    internal AggregateDefinition Aggregate { get; }

    internal abstract Type DocumentType { get; }

    /// <summary>Whether its key is the entity; else a function of the event.</summary>
    internal abstract bool IsPerEntity { get; }

    internal abstract IReadOnlyList<string> IndexNames { get; }

    /// <summary>Whether what its documents have of an entity can be erased.</summary>
    internal abstract bool CanErase { get; }

    internal abstract IProcessor CreateProcessor(Application application, DownstreamServices services, int partition);

    /// <summary>What carries events to its keys; only where it has keys of its own.</summary>
    internal abstract IProcessor CreateRouter(Application application, DownstreamServices services, int partition);

    /// <summary>Indexes whose key has no order in bytes.</summary>
    internal abstract IEnumerable<string> UnorderedIndexes { get; }

    /// <summary>Calls the visitor with the document's type, so that nothing need be made by reflection.</summary>
    internal abstract TResult Visit<TResult>(IViewVisitor<TResult> visitor);

    /// <summary>Begins a view.</summary>
    /// <param name="name">The durable name: lower case letters, digits and dashes.</param>
    public static NamedView Named(string name) => new(Names.Check(name, "view"));
}

/// <summary>Does something that needs a view's document type.</summary>
internal interface IViewVisitor<out TResult>
{
    TResult Visit<TDocument>(View<TDocument> view)
        where TDocument : class;
}

/// <summary>A view with a name.</summary>
/// <param name="name">The durable name.</param>
public sealed class NamedView(string name)
{
    /// <summary>Of which aggregate's events.</summary>
    public ViewOf<TEvent> Of<TEvent>(Aggregate<TEvent> aggregate)
        where TEvent : class => new(name, aggregate);
}

/// <summary>A view over an aggregate's events.</summary>
/// <typeparam name="TEvent">The event type.</typeparam>
public sealed class ViewOf<TEvent>
    where TEvent : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;

    internal ViewOf(string name, Aggregate<TEvent> aggregate)
    {
        _name = name;
        _aggregate = aggregate;
    }

    /// <summary>One document an entity, under the entity's id.</summary>
    public KeyedView<TEvent> PerEntity() => new(_name, _aggregate, null);

    /// <summary>One document a key of its own; the events travel to the key's partition. A null key skips the event.</summary>
    /// <param name="key">The key of an event; pure.</param>
    public KeyedView<TEvent> KeyedBy(Func<TEvent, Context, string?> key) => new(_name, _aggregate, key);
}

/// <summary>A view with its key.</summary>
/// <typeparam name="TEvent">The event type.</typeparam>
public sealed class KeyedView<TEvent>
    where TEvent : class
{
    private readonly string _name;
    private readonly Aggregate<TEvent> _aggregate;
    private readonly Func<TEvent, Context, string?>? _key;

    internal KeyedView(string name, Aggregate<TEvent> aggregate, Func<TEvent, Context, string?>? key)
    {
        _name = name;
        _aggregate = aggregate;
        _key = key;
    }

    /// <summary>How events move the document. Null means there is none (before), or it goes (after).</summary>
    /// <typeparam name="TDocument">The document, a record known to the topology's JSON context.</typeparam>
    /// <param name="apply">Pure: document, event, context to document.</param>
    public View<TDocument> Document<TDocument>(Func<TDocument?, TEvent, Context, TDocument?> apply)
        where TDocument : class => new View<TEvent, TDocument>(_name, _aggregate, _key, apply, []);
}

/// <summary>A view of documents.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
public abstract class View<TDocument> : View
    where TDocument : class
{
    private protected View(string name, AggregateDefinition aggregate)
        : base(name, aggregate) { }

    internal override Type DocumentType => typeof(TDocument);

    internal abstract IReadOnlyList<ViewIndex<TDocument>> Indexes { get; }

    internal override IReadOnlyList<string> IndexNames => [.. Indexes.Select(index => index.Name)];

    internal override IEnumerable<string> UnorderedIndexes => Indexes.Where(index => !index.IsOrdered).Select(index => index.Name);

    internal override TResult Visit<TResult>(IViewVisitor<TResult> visitor) => visitor.Visit(this);

    /// <summary>
    /// What is left of a document when an entity of a personal aggregate is erased; called for every document of a view with keys of its own. (The document of
    /// an entity goes by itself.)
    /// </summary>
    /// <param name="erase">Pure: document and entity to document. The same where nothing of it is the entity's; null where it goes.</param>
    public abstract View<TDocument> Erase(Func<TDocument, EntityId, TDocument?> erase);

    /// <summary>Adds an index, to read ranges by.</summary>
    public abstract View<TDocument> Index<TKey>(ViewIndex<TDocument, TKey> index);
}

internal sealed class View<TEvent, TDocument>(
    string name,
    Aggregate<TEvent> aggregate,
    Func<TEvent, Context, string?>? key,
    Func<TDocument?, TEvent, Context, TDocument?> apply,
    IReadOnlyList<ViewIndex<TDocument>> indexes,
    Func<TDocument, EntityId, TDocument?>? erase = null
) : View<TDocument>(name, aggregate)
    where TEvent : class
    where TDocument : class
{
    internal Aggregate<TEvent> Of => aggregate;
    internal Func<TEvent, Context, string?>? Key => key;
    internal Func<TDocument?, TEvent, Context, TDocument?> Apply => apply;
    internal override IReadOnlyList<ViewIndex<TDocument>> Indexes => indexes;
    internal override bool IsPerEntity => key is null;

    internal override IProcessor CreateProcessor(Application application, DownstreamServices services, int partition) =>
        new ViewProcessor<TEvent, TDocument>(this, application, services, partition);

    internal override IProcessor CreateRouter(Application application, DownstreamServices services, int partition) =>
        new Router<TEvent>(
            application.RouteGroup(Name),
            Name,
            partition,
            application.Feed(this),
            key!,
            application.Topology.JsonType<TEvent>(),
            services,
            services.Seals?.For(aggregate),
            services.Hub(this).Committed.Pulse
        );

    public override View<TDocument> Index<TKey>(ViewIndex<TDocument, TKey> index) =>
        new View<TEvent, TDocument>(Name, aggregate, key, apply, [.. indexes, index], erase);

    internal Func<TDocument, EntityId, TDocument?>? EraseFrom => erase;
    internal override bool CanErase => IsPerEntity || erase is not null;

    public override View<TDocument> Erase(Func<TDocument, EntityId, TDocument?> erase) =>
        new View<TEvent, TDocument>(Name, aggregate, key, apply, indexes, erase);
}

/// <summary>An index of a view. Make one with <see cref="ViewIndex{TDocument, TKey}"/>.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
public abstract class ViewIndex<TDocument>
    where TDocument : class
{
    private protected ViewIndex(string name) => Name = Names.Check(name, "index");

    /// <summary>The durable name.</summary>
    public string Name { get; }

    /// <summary>Whether its keys have an order in bytes.</summary>
    internal abstract bool IsOrdered { get; }

    /// <summary>Writes the document's place in the index as bytes that sort as the key does.</summary>
    internal abstract void WriteKey(TDocument document, System.Buffers.IBufferWriter<byte> destination);

    /// <summary>Reads a view in this index's order, for one who knows the index by its name alone.</summary>
    internal abstract IEnumerable<Keyed<TDocument>> Range(IView<TDocument> view, bool descending);
}

/// <summary>An index of a view by a value of the document.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
/// <typeparam name="TKey">An integer, string, bool, decimal, DateTimeOffset, DateTime, DateOnly, Guid, an enum, or a value tuple of these.</typeparam>
/// <param name="name">The durable name.</param>
/// <param name="key">The value; pure.</param>
public sealed class ViewIndex<TDocument, TKey>(string name, Func<TDocument, TKey> key) : ViewIndex<TDocument>(name)
    where TDocument : class
{
    internal override bool IsOrdered => SortableKey.IsSupported<TKey>();

    internal override void WriteKey(TDocument document, System.Buffers.IBufferWriter<byte> destination) =>
        SortableKey.Write(key(document), destination);

    internal override IEnumerable<Keyed<TDocument>> Range(IView<TDocument> view, bool descending) => view.Range(this, descending);
}

/// <summary>A document with its key.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
/// <param name="Key">The key: the entity's id, or the key of its own.</param>
/// <param name="Document">The document; null in a feed when it is gone.</param>
public readonly record struct Keyed<TDocument>(string Key, TDocument? Document)
    where TDocument : class;

/// <summary>Reads a view. Registered in DI by <c>AddMillrace</c> for every view of the topology.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
public interface IView<TDocument>
    where TDocument : class
{
    /// <summary>One document by its key.</summary>
    /// <param name="key">The key.</param>
    /// <returns>The document, or null.</returns>
    TDocument? Get(EntityId key);

    /// <summary>Waits until the view has seen a position, then reads: one's own write.</summary>
    /// <param name="key">The key.</param>
    /// <param name="atLeast">The position, see <see cref="Decided{TEvent}.Position"/>.</param>
    /// <param name="cancellation">Stops waiting.</param>
    ValueTask<TDocument?> Get(EntityId key, LogPosition atLeast, CancellationToken cancellation);

    /// <summary>Every document, in the order of partitions and keys. Read as enumerated, one consistent read a partition.</summary>
    IEnumerable<Keyed<TDocument>> All();

    /// <summary>Every document in the order of an index, across all partitions.</summary>
    /// <typeparam name="TKey">The index's key.</typeparam>
    /// <param name="index">An index of this view.</param>
    /// <param name="descending">From the end backwards.</param>
    IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, bool descending = false);

    /// <summary>Documents in the order of an index, from a key on, across all partitions.</summary>
    /// <typeparam name="TKey">The index's key.</typeparam>
    /// <param name="index">An index of this view.</param>
    /// <param name="from">The lowest key, inclusive.</param>
    /// <param name="descending">From the end backwards.</param>
    IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, TKey from, bool descending = false);

    /// <summary>Documents in the order of an index, between two keys, across all partitions.</summary>
    /// <typeparam name="TKey">The index's key.</typeparam>
    /// <param name="index">An index of this view.</param>
    /// <param name="from">The lowest key, inclusive.</param>
    /// <param name="to">The highest key, inclusive.</param>
    /// <param name="descending">From the end backwards.</param>
    IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, TKey from, TKey to, bool descending = false);

    /// <summary>Changes from now on, as they are committed. A reader that is too slow gets <see cref="InvalidOperationException"/>, never a gap.</summary>
    /// <param name="cancellation">Ends it.</param>
    IAsyncEnumerable<Keyed<TDocument>> Watch(CancellationToken cancellation);
}
