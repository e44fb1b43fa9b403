namespace Millrace;

/// <summary>
/// Which intent may be carried out next: one at a time of each key, in order; a key whose first must wait for its next try holds up no other.
/// </summary>
internal sealed class IntentQueue
{
    private readonly Dictionary<string, Queue<QueuedIntent>> _keys = new(StringComparer.Ordinal);
    private readonly Queue<string> _ready = new();
    private readonly PriorityQueue<string, long> _later = new();

    /// <summary>How many wait or run.</summary>
    public int Count { get; private set; }

    /// <summary>When the next try that must wait may be made; null where none must.</summary>
    public long? Next => _later.TryPeek(out _, out var at) ? at : null;

    public void Add(QueuedIntent intent)
    {
        Count++;
        if (_keys.TryGetValue(intent.Key, out var waiting))
        {
            waiting.Enqueue(intent);
            return;
        }
        _keys.Add(intent.Key, waiting = new());
        waiting.Enqueue(intent);
        _later.Enqueue(intent.Key, intent.NotBefore);
    }

    /// <summary>The next that may be tried now. Its key stays closed until <see cref="Done"/> or <see cref="Again"/>.</summary>
    public bool TryTake(long now, out QueuedIntent intent)
    {
        while (_later.TryPeek(out var key, out var at) && at <= now)
        {
            _later.Dequeue();
            _ready.Enqueue(key);
        }
        var found = _ready.TryDequeue(out var ready);
        intent = found ? _keys[ready!].Peek() : default;
        return found;
    }

    /// <summary>The first of its key is done or set aside: the next may go.</summary>
    public void Done(string key)
    {
        Count--;
        var waiting = _keys[key];
        waiting.Dequeue();
        if (waiting.TryPeek(out var next))
        {
            _later.Enqueue(key, next.NotBefore);
        }
        else
        {
            _keys.Remove(key);
        }
    }

    /// <summary>The first of its key is tried again later.</summary>
    public void Again(string key, long notBefore) => _later.Enqueue(key, notBefore);
}

/// <summary>An intent that waits: where its record is kept, and when it may be tried.</summary>
internal readonly record struct QueuedIntent(string Key, long Sequence, long NotBefore);
