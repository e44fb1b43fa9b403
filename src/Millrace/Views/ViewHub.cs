using System.Threading.Channels;

namespace Millrace;

/// <summary>What the processors of a view tell its readers: that something was committed, and to watchers what.</summary>
internal sealed class ViewHub<TDocument>
    where TDocument : class
{
    private const int Room = 4096;

    private readonly Lock _gate = new();
    private Channel<Keyed<TDocument>>[] _watchers = [];
    private bool _isFed;

    /// <summary>Pulses after each commit of the view or its router.</summary>
    public AsyncPulse Committed { get; } = new();

    public bool IsWatched => Volatile.Read(ref _watchers).Length > 0;

    public Channel<Keyed<TDocument>> Subscribe()
    {
        var channel = Channel.CreateBounded<Keyed<TDocument>>(new BoundedChannelOptions(Room) { SingleReader = true });
        lock (_gate)
        {
            _watchers = [.. _watchers, channel];
        }
        return channel;
    }

    /// <summary>Whether the caller is the first to ask: who is begins to feed it with what other processes commit.</summary>
    public bool TakeFeeding()
    {
        lock (_gate)
        {
            return !_isFed && (_isFed = true);
        }
    }

    public void Unsubscribe(Channel<Keyed<TDocument>> channel)
    {
        lock (_gate)
        {
            _watchers = [.. _watchers.Where(watcher => watcher != channel)];
        }
    }

    /// <summary>Hands a committed change to the watchers. One that has no room left is ended, since a gap would be worse.</summary>
    public void Publish(string key, TDocument? document)
    {
        foreach (var watcher in Volatile.Read(ref _watchers))
        {
            if (!watcher.Writer.TryWrite(new(key, document)))
            {
                watcher.Writer.TryComplete(
                    new InvalidOperationException(
                        $"A watcher of {typeof(TDocument).Name} fell {Room} changes behind and was ended. Read the view again and watch anew."
                    )
                );
                Unsubscribe(watcher);
            }
        }
    }
}
