using System.Buffers;
using Millrace.Engines;

namespace Millrace;

/// <summary>What a command changed in the mirror, so that a command that throws can be taken back.</summary>
internal sealed class UndoLog
{
    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly List<(int Key, int Value, int End, bool There)> _entries = [];

    public void Clear()
    {
        _bytes.ResetWrittenCount();
        _entries.Clear();
    }

    /// <summary>Remembers what a key held before it is written.</summary>
    public void Remember(ReadOnlySpan<byte> key, bool there, ReadOnlySpan<byte> value)
    {
        var start = _bytes.WrittenCount;
        _bytes.Write(key);
        var middle = _bytes.WrittenCount;
        _bytes.Write(value);
        _entries.Add((start, middle, _bytes.WrittenCount, there));
    }

    /// <summary>Writes everything back, the last change first.</summary>
    public void Restore(ITransaction transaction)
    {
        var bytes = _bytes.WrittenSpan;
        for (var i = _entries.Count - 1; i >= 0; i--)
        {
            var (key, value, end, there) = _entries[i];
            if (there)
            {
                transaction.Put(bytes[key..value], bytes[value..end]);
            }
            else
            {
                transaction.Delete(bytes[key..value]);
            }
        }
        Clear();
    }
}

/// <summary>An entity as it was before a command.</summary>
internal sealed class EntityBackup<TState>
    where TState : class
{
    private readonly ArrayBufferWriter<byte> _root = new(512);
    private int[] _counts = [];
    private long _sequence;
    private int _rootMark;
    private object? _rootRecord;
    private TState _state = null!;
    private int _stateLength;

    public void Take(Entity<TState> entity)
    {
        _root.ResetWrittenCount();
        _root.Write(entity.RootJson);
        if (_counts.Length != entity.Counts.Length)
        {
            _counts = new int[entity.Counts.Length];
        }
        entity.Counts.CopyTo(_counts, 0);
        _sequence = entity.Sequence;
        _rootMark = entity.RootMark;
        _rootRecord = entity.Root;
        _state = entity.State;
        _stateLength = entity.StateLength;
    }

    public void Restore(Entity<TState> entity)
    {
        entity.SetRoot(_root.WrittenSpan);
        _counts.CopyTo(entity.Counts, 0);
        entity.Sequence = _sequence;
        entity.RootMark = _rootMark;
        entity.Root = _rootRecord;
        entity.State = _state;
        entity.StateLength = _stateLength;
    }
}
