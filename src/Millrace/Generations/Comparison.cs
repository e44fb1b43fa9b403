using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>How what a shadow decides differs from what is recorded, so far.</summary>
/// <param name="Same">Events that are the same in both, by id, type and value.</param>
/// <param name="Different">Events with an id that both have, and another type or value.</param>
/// <param name="Added">Events that only the shadow has.</param>
/// <param name="Missing">Events that only the record has.</param>
/// <param name="Outcomes">Native commands that are answered as they were.</param>
/// <param name="OtherOutcomes">Native commands that would be answered otherwise than the client was.</param>
/// <param name="Examples">The first events that differ, in words.</param>
/// <param name="Answers">The first native commands that would be answered otherwise, in words.</param>
internal sealed record Comparison(
    long Same,
    long Different,
    long Added,
    long Missing,
    long Outcomes,
    long OtherOutcomes,
    IReadOnlyList<string> Examples,
    IReadOnlyList<string> Answers
)
{
    /// <summary>Events of the shadow that the record has not shown yet: added, unless the live generation is behind.</summary>
    public int UnmetShadows { get; init; }

    /// <summary>Recorded events that the shadow has not shown yet: missing, unless the shadow is behind.</summary>
    public int UnmetRecorded { get; init; }

    public const int MostExamples = 20;

    public static ReadOnlySpan<byte> Key => "c"u8;

    public static Comparison None => new(0, 0, 0, 0, 0, 0, [], []);

    /// <summary>All that differs.</summary>
    public long Differences => Different + Added + Missing + OtherOutcomes;

    public static Comparison Read(IStateReader state) =>
        state.TryGet(Key, out var stored) ? JsonSerializer.Deserialize(stored, MillraceJson.Default.Comparison)! : None;

    public Comparison Plus(Comparison other) =>
        new(
            Same + other.Same,
            Different + other.Different,
            Added + other.Added,
            Missing + other.Missing,
            Outcomes + other.Outcomes,
            OtherOutcomes + other.OtherOutcomes,
            [.. Examples.Concat(other.Examples).Take(MostExamples)],
            [.. Answers.Concat(other.Answers).Take(MostExamples)]
        )
        {
            UnmetShadows = UnmetShadows + other.UnmetShadows,
            UnmetRecorded = UnmetRecorded + other.UnmetRecorded,
        };

    /// <summary>With what is not met counted as different: where nobody is behind.</summary>
    public Comparison Whole() =>
        this with
        {
            Added = Added + UnmetShadows,
            Missing = Missing + UnmetRecorded,
            UnmetShadows = 0,
            UnmetRecorded = 0,
        };
}

/// <summary>
/// Compares one partition of a shadow's own logs with the logs that everybody reads, as they come. Both have the same commands behind them in the
/// same order, so that what one has and the other has not yet stands near; what is not found within <see cref="Window"/> records is not there.
/// </summary>
internal sealed class CompareProcessor : IProcessor
{
    private const int Window = 2048;
    private const int Ahead = 64;
    private const int ExampleLength = 200;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly IEngine _engine;
    private readonly Pair _events;
    private readonly Pair _outcomes;
    private Comparison _comparison = Comparison.None;
    private bool _loaded;
    private bool _changed;

    public CompareProcessor(IEngine engine, Application application, AggregateDefinition aggregate, int generation, int partition)
    {
        _engine = engine;
        _events = new Pair(0, aggregate.Name, application.OwnEvents(aggregate, generation), new(application.Events(aggregate), partition));
        _outcomes = new Pair(
            1,
            aggregate.Name,
            application.OwnOutcomes(aggregate, generation),
            new(application.Outcomes(aggregate), partition)
        );
    }

    public ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
    {
        if (!_loaded)
        {
            _comparison = Comparison.Read(transaction);
            _events.Load(transaction);
            _outcomes.Load(transaction);
            _loaded = true;
        }
        var pair = batch.Source.Topic == _outcomes.Own ? _outcomes : _events;
        foreach (ref readonly var record in batch.Records.Span)
        {
            cancellation.ThrowIfCancellationRequested();
            if (new RecordHeaders(record.Headers.Span).Kind != RecordKind.Control)
            {
                Compare(pair, record);
            }
        }
        if (batch.Records.IsEmpty)
        {
            // The shadow is at its end: what is recorded beyond what it has is missing there.
            while (_events.Recorded.Count < Window && ReadOn(_events)) { }
            while (_outcomes.Recorded.Count < Window && ReadOn(_outcomes)) { }
        }
        _events.Save(transaction);
        _outcomes.Save(transaction);
        var (shadows, recorded) = (_events.Shadows.Count, _events.Recorded.Count);
        _changed |= shadows != _comparison.UnmetShadows || recorded != _comparison.UnmetRecorded;
        _comparison = _comparison with { UnmetShadows = shadows, UnmetRecorded = recorded };
        if (_changed)
        {
            transaction.Put(Comparison.Key, JsonSerializer.SerializeToUtf8Bytes(_comparison, MillraceJson.Default.Comparison));
            _changed = false;
        }
        return new(new Progress(WakeAfter: Look));
    }

    public void Committed() { }

    public ValueTask DisposeAsync()
    {
        _events.Reader?.Dispose();
        _outcomes.Reader?.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Compare(Pair pair, in Record own)
    {
        var (id, content) = Hashes(own);
        while (!pair.Recorded.Contains(id) && ReadOn(pair)) { }
        if (pair.Recorded.TryTake(id, out var recorded))
        {
            Count(pair, recorded == content, own);
            return;
        }
        // Not there, or not there yet: the live one may be behind.
        pair.Shadows.Add(id, content);
        if (pair.Shadows.TryTakeOldest(Window))
        {
            _comparison = pair == _events ? _comparison with { Added = _comparison.Added + 1 } : _comparison;
            _changed = true;
        }
    }

    /// <summary>Reads a little on in the log that everybody reads.</summary>
    private bool ReadOn(Pair pair)
    {
        pair.Reader ??= _engine.Read(pair.Everybodys, pair.Next);
        if (!pair.Reader.TryRead(Ahead, out var batch))
        {
            return false;
        }
        foreach (ref readonly var record in batch.Records.Span)
        {
            pair.Next = record.Offset + 1;
            if (new RecordHeaders(record.Headers.Span).Kind == RecordKind.Control)
            {
                continue;
            }
            var (id, content) = Hashes(record);
            if (pair.Shadows.TryTake(id, out var shadows))
            {
                Count(pair, shadows == content, record);
                continue;
            }
            pair.Recorded.Add(id, content);
            if (pair.Recorded.TryTakeOldest(Window))
            {
                _comparison = pair == _events ? _comparison with { Missing = _comparison.Missing + 1 } : _comparison;
                _changed = true;
            }
        }
        return true;
    }

    private void Count(Pair pair, bool same, in Record record)
    {
        _changed = true;
        _comparison = (pair == _events, same) switch
        {
            (true, true) => _comparison with { Same = _comparison.Same + 1 },
            (true, false) => _comparison with { Different = _comparison.Different + 1 },
            (false, true) => _comparison with { Outcomes = _comparison.Outcomes + 1 },
            (false, false) => _comparison with { OtherOutcomes = _comparison.OtherOutcomes + 1 },
        };
        var known = pair == _events ? _comparison.Examples : _comparison.Answers;
        if (same || known.Count == Comparison.MostExamples)
        {
            return;
        }
        var id = Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Id]);
        var text = Encoding.UTF8.GetString(record.Value.Span[..Math.Min(ExampleLength, record.Value.Length)]);
        IReadOnlyList<string> more = [.. known, $"{pair.Aggregate} {Encoding.UTF8.GetString(record.Key.Span)}, {id}: {text}"];
        _comparison = pair == _events ? _comparison with { Examples = more } : _comparison with { Answers = more };
    }

    private static (ulong Id, ulong Content) Hashes(in Record record)
    {
        ReadOnlySpan<byte> id = default,
            type = default;
        foreach (var entry in new RecordHeaders(record.Headers.Span))
        {
            if (entry.Header == Header.Id)
            {
                id = entry.Value;
            }
            else if (entry.Header == Header.Type)
            {
                type = entry.Value;
            }
        }
        return (XxHash3.HashToUInt64(id), XxHash3.HashToUInt64(record.Value.Span, (long)XxHash3.HashToUInt64(type)));
    }

    /// <summary>A shadow's log and the one that everybody reads.</summary>
    private sealed class Pair(byte kind, string aggregate, Topic own, TopicPartition everybodys)
    {
        private static readonly byte[] Place = [(byte)'n', 0];
        private long _saved;

        public string Aggregate => aggregate;
        public Topic Own => own;
        public TopicPartition Everybodys => everybodys;
        public ILogReader? Reader { get; set; }
        public long Next { get; set; }

        /// <summary>Read by everybody, and not met in the shadow's yet.</summary>
        public Unmet Recorded { get; } = new([(byte)'r', kind]);

        /// <summary>The shadow's, and not met in the other yet.</summary>
        public Unmet Shadows { get; } = new([(byte)'s', kind]);

        public void Load(IStateReader state)
        {
            Next = _saved = state.TryGet([Place[0], kind], out var next) ? BinaryPrimitives.ReadInt64LittleEndian(next) : 0;
            Recorded.Load(state);
            Shadows.Load(state);
        }

        public void Save(ITransaction transaction)
        {
            if (Next != _saved)
            {
                Span<byte> next = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(next, Next);
                transaction.Put([Place[0], kind], next);
                _saved = Next;
            }
            Recorded.Save(transaction);
            Shadows.Save(transaction);
        }
    }

    /// <summary>Records of one log that the other has not shown yet, the oldest first. Only what a batch leaves is written.</summary>
    private sealed class Unmet(byte[] prefix)
    {
        private readonly Dictionary<ulong, (long Number, ulong Content)> _byId = [];

        // With those that were met since: they are passed over.
        private readonly Queue<(long Number, ulong Id)> _inOrder = [];
        private readonly HashSet<long> _written = [];
        private readonly List<long> _gone = [];
        private readonly List<(long Number, ulong Id)> _fresh = [];
        private long _last;

        public int Count => _byId.Count;

        public bool Contains(ulong id) => _byId.ContainsKey(id);

        public void Add(ulong id, ulong content)
        {
            if (_byId.TryAdd(id, (++_last, content)))
            {
                _inOrder.Enqueue((_last, id));
                _fresh.Add((_last, id));
            }
            while (_inOrder.TryPeek(out var oldest) && !Has(oldest))
            {
                _inOrder.Dequeue();
            }
        }

        public bool TryTake(ulong id, out ulong content)
        {
            var was = _byId.Remove(id, out var found);
            content = found.Content;
            if (was && _written.Remove(found.Number))
            {
                _gone.Add(found.Number);
            }
            return was;
        }

        /// <summary>Takes the oldest where there are more than so many.</summary>
        public bool TryTakeOldest(int most)
        {
            while (_byId.Count > most && _inOrder.TryDequeue(out var oldest))
            {
                if (Has(oldest))
                {
                    return TryTake(oldest.Id, out _);
                }
            }
            return false;
        }

        public void Load(IStateReader state)
        {
            using var cursor = state.Range(prefix, [prefix[0], (byte)(prefix[1] + 1)]);
            while (cursor.MoveNext())
            {
                _last = BinaryPrimitives.ReadInt64BigEndian(cursor.Key[2..]);
                var id = BinaryPrimitives.ReadUInt64LittleEndian(cursor.Value);
                _byId[id] = (_last, BinaryPrimitives.ReadUInt64LittleEndian(cursor.Value[8..]));
                _inOrder.Enqueue((_last, id));
                _written.Add(_last);
            }
        }

        public void Save(ITransaction transaction)
        {
            Span<byte> key = stackalloc byte[10];
            Span<byte> value = stackalloc byte[16];
            prefix.CopyTo(key);
            foreach (var number in _gone)
            {
                BinaryPrimitives.WriteInt64BigEndian(key[2..], number);
                transaction.Delete(key);
            }
            foreach (var fresh in _fresh)
            {
                if (Has(fresh))
                {
                    BinaryPrimitives.WriteInt64BigEndian(key[2..], fresh.Number);
                    BinaryPrimitives.WriteUInt64LittleEndian(value, fresh.Id);
                    BinaryPrimitives.WriteUInt64LittleEndian(value[8..], _byId[fresh.Id].Content);
                    transaction.Put(key, value);
                    _written.Add(fresh.Number);
                }
            }
            _gone.Clear();
            _fresh.Clear();
        }

        private bool Has((long Number, ulong Id) place) => _byId.TryGetValue(place.Id, out var found) && found.Number == place.Number;
    }
}
