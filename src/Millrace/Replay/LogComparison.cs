using System.IO.Hashing;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Compares what a replayed processor appends to one partition of a log with what is recorded there, record by record under its id: type, key, time
/// and value. Both are gone through side by side, for they are nearly always in the same order; what finds no partner at once is kept until it does, or
/// until the end. So the order decides how fast it is, and never what it finds.
/// </summary>
internal sealed class LogComparison : IDisposable
{
    private const int Patience = 4096;

    private readonly RecordedCursor _recorded;
    private readonly ComparedLog _log;
    private readonly string _of;
    private readonly int _partition;
    private readonly ReplaySelection _selection;
    private readonly Func<ReadOnlySpan<byte>, bool>? _wants;
    private readonly ReplayTally _tally;
    private readonly UnpairedRecords _unpaired;
    private readonly Dictionary<byte[], TypeTally> _types = new(BytesComparer.Instance);
    private byte[] _group = new byte[128];
    private int _groupLength;
    private int _blocked;

    /// <summary>How many changes of code each side has passed, and how many there are.</summary>
    private int _codeBefore;
    private int _codeAfter;
    private readonly int _code;

    /// <summary>Begins a comparison.</summary>
    /// <param name="recorded">The recorded log.</param>
    /// <param name="log">Which kind of log it is.</param>
    /// <param name="of">The aggregate or reaction.</param>
    /// <param name="partition">The partition of the log.</param>
    /// <param name="selection">What is compared.</param>
    /// <param name="code">From which change of code on; 0 for all.</param>
    /// <param name="wants">Which keys; null for all.</param>
    /// <param name="tally">Where what is found goes.</param>
    /// <param name="mostUnpaired">How many records without a partner are kept in memory.</param>
    public LogComparison(
        RecordedCursor recorded,
        ComparedLog log,
        string of,
        int partition,
        ReplaySelection selection,
        int code,
        Func<ReadOnlySpan<byte>, bool>? wants,
        ReplayTally tally,
        int mostUnpaired = 200_000
    )
    {
        _recorded = recorded;
        _log = log;
        _of = of;
        _partition = partition;
        _selection = selection;
        _code = code;
        _wants = wants;
        _tally = tally;
        _unpaired = new UnpairedRecords(Paired, Alone, mostUnpaired);
    }

    /// <summary>Says whether a recorded value can no longer be read because its entity was erased; such a record is left out.</summary>
    public Func<Record, bool> IsErased { get; init; } = static _ => false;

    /// <summary>Whether a record without a partner that follows from this command or event is no difference.</summary>
    public Func<string, bool> IsPending { get; init; } = static _ => false;

    /// <summary>Says where among the commands handled lately one stands.</summary>
    public PlaceOfCommand OrderOf { get; init; } = static _ => Unknown;

    /// <summary>The processor appended a record.</summary>
    public void Append(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        if (
            _recorded.HasHead
            && _recorded.Head is var head
            && head.Time == time
            && head.Headers.Span.SequenceEqual(headers)
            && head.Value.Span.SequenceEqual(value)
            && head.Key.Span.SequenceEqual(key)
        )
        {
            Same(headers, time);
            _recorded.Advance();
            return;
        }
        var names = new RecordNames(headers);
        if (names.IsControl)
        {
            _codeAfter += names.Type.SequenceEqual(Controls.Code) ? 1 : 0;
            return;
        }
        if (_codeAfter < _code || !_selection.Includes(time))
        {
            return;
        }
        var record = new ReplayedRecord(time, key, headers, value);
        // Records of one command stand together on both sides, so the rest of the last one's has no partner to come.
        while (HasRecorded() && InGroup(_recorded.Head.Headers.Span) && !InGroup(headers))
        {
            if (!_unpaired.TryPair(RecordedHead(), isRecorded: true))
            {
                AloneNow(RecordedHead(), isRecorded: true);
            }
            _recorded.Advance();
        }
        if (TryHead(record, names))
        {
            return;
        }
        if (_unpaired.TryPair(record, isRecorded: false))
        {
            return;
        }
        if (InGroup(headers))
        {
            AloneNow(record, isRecorded: false);
            return;
        }
        int? order = null;
        while (HasRecorded())
        {
            var next = RecordedHead();
            if (!_unpaired.TryPair(next, isRecorded: true))
            {
                order ??= OrderOf(names.Cause);
                var before = OrderOf(new RecordNames(next.Headers).Cause);
                if (order == Unknown || before == Unknown || before >= order)
                {
                    break;
                }
                // Its command came before this one's: what was recorded of it has no partner, or one that is still to come.
                _unpaired.Keep(next, isRecorded: true);
            }
            _recorded.Advance();
            if (TryHead(record, names))
            {
                return;
            }
        }
        _unpaired.Keep(record, isRecorded: false);
        if (++_blocked > Patience)
        {
            _blocked = 0;
            for (var i = 0; i < Patience && HasRecorded(); i++)
            {
                TakeHead();
            }
        }
    }

    /// <summary>A command whose place in what was handled lately nobody knows.</summary>
    public const int Unknown = int.MinValue;

    /// <summary>Everything was handled: what has no partner now never gets one.</summary>
    public void Complete()
    {
        while (HasRecorded())
        {
            TakeHead();
        }
        _unpaired.Complete();
    }

    public void Dispose()
    {
        _recorded.Dispose();
        _unpaired.Dispose();
    }

    private ReplayedRecord RecordedHead()
    {
        ref readonly var head = ref _recorded.Head;
        return new ReplayedRecord(head.Time, head.Key.Span, head.Headers.Span, head.Value.Span);
    }

    private void TakeHead()
    {
        var head = RecordedHead();
        if (!_unpaired.TryPair(head, isRecorded: true))
        {
            _unpaired.Keep(head, isRecorded: true);
        }
        _recorded.Advance();
    }

    private bool TryHead(in ReplayedRecord record, in RecordNames names)
    {
        if (!HasRecorded() || !new RecordNames(_recorded.Head.Headers.Span).Id.SequenceEqual(names.Id))
        {
            return false;
        }
        var head = RecordedHead();
        var type = new RecordNames(head.Headers).Type;
        var same =
            head.Time == record.Time
            && type.SequenceEqual(names.Type)
            && head.Key.SequenceEqual(record.Key)
            && head.Value.SequenceEqual(record.Value);
        if (same)
        {
            Same(record.Headers, record.Time);
        }
        else
        {
            Remember(names.Id);
            Found(DifferenceKind.Changed, head, recorded: true);
        }
        _recorded.Advance();
        return true;
    }

    /// <summary>Goes on to the next recorded record that is compared.</summary>
    private bool HasRecorded()
    {
        while (_recorded.HasHead)
        {
            ref readonly var head = ref _recorded.Head;
            var names = new RecordNames(head.Headers.Span);
            if (names.IsControl)
            {
                _codeBefore += names.Type.SequenceEqual(Controls.Code) ? 1 : 0;
            }
            else if (_codeBefore >= _code && _selection.Includes(head.Time) && (_wants is null || _wants(head.Key.Span)) && !IsErased(head))
            {
                return true;
            }
            _recorded.Advance();
        }
        return false;
    }

    private void Same(ReadOnlySpan<byte> headers, long time)
    {
        var names = new RecordNames(headers);
        if (names.IsControl)
        {
            var code = names.Type.SequenceEqual(Controls.Code) ? 1 : 0;
            _codeBefore += code;
            _codeAfter += code;
            return;
        }
        Remember(names.Id);
        _blocked = 0;
        if (_codeBefore < _code || !_selection.Includes(time))
        {
            return;
        }
        var type = TypeOf(names.Type);
        type.Recorded++;
        type.Same++;
    }

    private TypeTally TypeOf(ReadOnlySpan<byte> name)
    {
        var types = _types.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (!types.TryGetValue(name, out var type))
        {
            types[name] = type = _tally.Of(_log, _of, NameOf(name));
        }
        return type;
    }

    private string NameOf(ReadOnlySpan<byte> type) =>
        type.IsEmpty && _log == ComparedLog.Answers ? "answer" : Encoding.UTF8.GetString(type);

    // The id up to its last part: the command, and the entity where it made events of many.
    private static ReadOnlySpan<byte> GroupOf(ReadOnlySpan<byte> id) => id[..Math.Max(0, id.LastIndexOf((byte)'/'))];

    private void Remember(ReadOnlySpan<byte> id)
    {
        var group = GroupOf(id);
        if (_group.Length < group.Length)
        {
            _group = new byte[group.Length * 2];
        }
        group.CopyTo(_group);
        _groupLength = group.Length;
    }

    private bool InGroup(ReadOnlySpan<byte> headers) =>
        _log == ComparedLog.Events
        && _groupLength > 0
        && GroupOf(new RecordNames(headers).Id).SequenceEqual(_group.AsSpan(0, _groupLength));

    private void Paired(bool same, string type, in ReplayedRecord recordedOrOther, UnpairedRecord kept, bool isRecorded)
    {
        if (same)
        {
            var tally = _tally.Of(_log, _of, NameOf(Encoding.UTF8.GetBytes(type)));
            tally.Recorded++;
            tally.Same++;
            return;
        }
        if (isRecorded)
        {
            Found(DifferenceKind.Changed, recordedOrOther, recorded: true);
        }
        else
        {
            Found(DifferenceKind.Changed, kept, recorded: true);
        }
    }

    private void AloneNow(in ReplayedRecord record, bool isRecorded) =>
        Found(isRecorded ? DifferenceKind.OnlyBefore : DifferenceKind.OnlyAfter, record, isRecorded);

    private void Alone(UnpairedRecord record) =>
        Found(record.IsRecorded ? DifferenceKind.OnlyBefore : DifferenceKind.OnlyAfter, record, record.IsRecorded);

    private void Found(DifferenceKind kind, in ReplayedRecord record, bool recorded)
    {
        var names = new RecordNames(record.Headers);
        Found(
            kind,
            new UnpairedRecord(
                Encoding.UTF8.GetString(names.Id),
                Encoding.UTF8.GetString(names.Causation),
                NameOf(names.Type),
                Encoding.UTF8.GetString(record.Key),
                record.Time,
                default,
                recorded
            ),
            recorded
        );
    }

    private void Found(DifferenceKind kind, UnpairedRecord record, bool recorded)
    {
        var command = record.Causation.Length == 0 ? record.Id : record.Causation;
        if (kind != DifferenceKind.Changed && IsPending(command))
        {
            return;
        }
        var type = record.Type.Length == 0 ? NameOf(default) : record.Type;
        if (recorded)
        {
            _tally.Of(_log, _of, type).Recorded++;
        }
        _tally.Add(new Difference(_log, _of, kind, type, record.Key, record.Time, record.Id, command, _partition));
    }
}

/// <summary>Where a command stands among those handled lately; <see cref="LogComparison.Unknown"/> where it is none of them.</summary>
internal delegate int PlaceOfCommand(ReadOnlySpan<byte> id);

/// <summary>A record of either side.</summary>
internal readonly ref struct ReplayedRecord(long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
{
    public long Time { get; } = time;
    public ReadOnlySpan<byte> Key { get; } = key;
    public ReadOnlySpan<byte> Headers { get; } = headers;
    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>What is compared, as one number.</summary>
    public UInt128 Content()
    {
        var hash = new XxHash128();
        Span<byte> time = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(time, Time);
        hash.Append(time);
        hash.Append(Key);
        hash.Append([0]);
        hash.Append(new RecordNames(Headers).Type);
        hash.Append([0]);
        hash.Append(Value);
        return hash.GetCurrentHashAsUInt128();
    }
}

/// <summary>The headers that tell a record from others.</summary>
internal readonly ref struct RecordNames
{
    public RecordNames(ReadOnlySpan<byte> headers)
    {
        foreach (var entry in new RecordHeaders(headers))
        {
            switch (entry.Header)
            {
                case Header.Id:
                    Id = entry.Value;
                    break;
                case Header.Type:
                    Type = entry.Value;
                    break;
                case Header.CausationId:
                    Causation = entry.Value;
                    break;
                case Header.Kind:
                    IsControl = entry.Value[0] == (byte)RecordKind.Control;
                    break;
                default:
                    break;
            }
        }
    }

    public ReadOnlySpan<byte> Id { get; }
    public ReadOnlySpan<byte> Type { get; }
    public ReadOnlySpan<byte> Causation { get; }

    /// <summary>The command or event it follows from; an answer has the id of its command.</summary>
    public ReadOnlySpan<byte> Cause => Causation.IsEmpty ? Id : Causation;
    public bool IsControl { get; }
}
