using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Millrace.Engines;

namespace Millrace;

/// <summary>Reads a view's committed state in this process's engine.</summary>
internal sealed class ViewReader<TDocument>(View<TDocument> view, Application application, IEngine engine, ViewHub<TDocument> hub)
    : IView<TDocument>
    where TDocument : class
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    private readonly string _group = application.ViewGroup(view);
    private readonly JsonTypeInfo<TDocument> _type = application.Topology.JsonType<TDocument>();

    public TDocument? Get(EntityId key)
    {
        var name = new KeyBuffer().Start(ViewKeys.Document).Raw(Encoding.UTF8.GetBytes(key.Value));
        var partition = Slots.PartitionOf(name.Span[1..], application.Partitions);
        return engine.OpenState(_group, partition).TryGet(name, out var json) ? JsonSerializer.Deserialize(json, _type) : null;
    }

    public async ValueTask<TDocument?> Get(EntityId key, LogPosition atLeast, CancellationToken cancellation)
    {
        var events = application.Events(view.Aggregate);
        if (atLeast.Topic != events.Name)
        {
            throw new ArgumentException(
                $"The view \"{view.Name}\" is made of {events.Name}, and the position is one in {atLeast.Topic}.",
                nameof(atLeast)
            );
        }
        var source = new TopicPartition(events, atLeast.Partition);
        if (view.IsPerEntity)
        {
            await Reached(_group, source, atLeast.Offset, cancellation);
        }
        else
        {
            // First the router must have carried it to the feed; then the view must have come to what was the feed's end by then.
            await Reached(application.RouteGroup(view.Name), source, atLeast.Offset, cancellation);
            var feed = new TopicPartition(
                application.Feed(view),
                Slots.PartitionOf(Encoding.UTF8.GetBytes(key.Value), application.Partitions)
            );
            long end;
            using (var reader = engine.Read(feed, 0))
            {
                end = reader.End;
            }
            await Reached(_group, feed, end, cancellation);
        }
        return Get(key);
    }

    public IEnumerable<Keyed<TDocument>> All()
    {
        for (var partition = 0; partition < application.Partitions; partition++)
        {
            using var cursor = engine.OpenState(_group, partition).Range([ViewKeys.Document], [ViewKeys.Document + 1]);
            while (cursor.MoveNext())
            {
                yield return new(Encoding.UTF8.GetString(cursor.Key[1..]), JsonSerializer.Deserialize(cursor.Value, _type));
            }
        }
    }

    public IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, bool descending = false) =>
        Merge(Start(index), End(index), descending);

    public IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, TKey from, bool descending = false) =>
        Merge(Place(index, from), End(index), descending);

    // A document's key follows its place, and no UTF-8 begins with 0xFF.
    public IEnumerable<Keyed<TDocument>> Range<TKey>(ViewIndex<TDocument, TKey> index, TKey from, TKey to, bool descending = false) =>
        Merge(Place(index, from), Place(index, to).Raw([0xFF]), descending);

    public IAsyncEnumerable<Keyed<TDocument>> Watch(CancellationToken cancellation)
    {
        if (engine.IsShared && hub.TakeFeeding())
        {
            for (var partition = 0; partition < application.Partitions; partition++)
            {
                engine.WatchState(_group, partition, Changed);
            }
        }
        return Follow(hub.Subscribe(), cancellation);
    }

    private void Changed(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isDeleted)
    {
        if (hub.IsWatched && key[0] == ViewKeys.Document)
        {
            hub.Publish(Encoding.UTF8.GetString(key[1..]), isDeleted ? null : JsonSerializer.Deserialize(value, _type));
        }
    }

    private async IAsyncEnumerable<Keyed<TDocument>> Follow(
        Channel<Keyed<TDocument>> channel,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        try
        {
            await foreach (var change in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return change;
            }
        }
        finally
        {
            hub.Unsubscribe(channel);
        }
    }

    private async ValueTask Reached(string group, TopicPartition source, long offset, CancellationToken cancellation)
    {
        // From here on the position is that of the state that is read, wherever its partition is.
        _ = engine.OpenState(group, source.Partition);
        while (true)
        {
            var next = hub.Committed.Next;
            if (engine.CommittedOffset(group, source) >= offset)
            {
                return;
            }
            // Where the partition is another process's nobody here is told of its commits.
            await (engine.IsShared ? Task.WhenAny(next, Task.Delay(Look, cancellation)) : next).WaitAsync(cancellation);
        }
    }

    private IEnumerable<Keyed<TDocument>> Merge(KeyBuffer from, KeyBuffer to, bool descending)
    {
        if (from.Span.SequenceCompareTo(to) >= 0)
        {
            yield break;
        }
        var cursors = new List<StateCursor>(application.Partitions);
        try
        {
            for (var partition = 0; partition < application.Partitions; partition++)
            {
                var cursor = engine.OpenState(_group, partition).Range(from, to, descending);
                cursors.Add(cursor);
                Advance(cursors, cursors.Count - 1);
            }
            while (cursors.Count > 0)
            {
                var first = 0;
                for (var i = 1; i < cursors.Count; i++)
                {
                    var order = cursors[i].Key.SequenceCompareTo(cursors[first].Key);
                    if (descending ? order > 0 : order < 0)
                    {
                        first = i;
                    }
                }
                var value = cursors[first].Value;
                yield return new(
                    ViewKeys.KeyOfEntry(cursors[first].Key, value),
                    JsonSerializer.Deserialize(ViewKeys.DocumentOfEntry(value), _type)
                );
                Advance(cursors, first);
            }
        }
        finally
        {
            cursors.ForEach(cursor => cursor.Dispose());
        }
    }

    private static void Advance(List<StateCursor> cursors, int at)
    {
        if (!cursors[at].MoveNext())
        {
            cursors[at].Dispose();
            cursors.RemoveAt(at);
        }
    }

    private KeyBuffer Start(ViewIndex<TDocument> index)
    {
        if (!view.Indexes.Contains(index))
        {
            throw new ArgumentException($"The view \"{view.Name}\" has no index \"{index.Name}\": add it with .Index(…).", nameof(index));
        }
        return new KeyBuffer().StartIndex(Encoding.UTF8.GetBytes(index.Name));
    }

    private static KeyBuffer End(ViewIndex<TDocument> index) =>
        new KeyBuffer().Start(ViewKeys.Index).Raw(Encoding.UTF8.GetBytes(index.Name)).Raw([1]);

    private KeyBuffer Place<TKey>(ViewIndex<TDocument> index, TKey key)
    {
        var place = Start(index);
        SortableKey.Write(key, place);
        return place;
    }
}
