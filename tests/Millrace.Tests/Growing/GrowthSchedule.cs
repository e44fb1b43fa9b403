using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.Sources;
using Millrace.Testing;
using Millrace.Tests.Replay;

namespace Millrace.Tests.Growing;

/// <summary>
/// One schedule in which partitions are added, drawn from a seed: deciders and reactions of every partition take turns on one thread and are killed before
/// and after their commits, the process ends and begins again, the source goes on, reads parts of its log again and takes snapshots, and clients that have
/// not heard of the new partitions send their commands to the old ones.
/// </summary>
internal sealed class GrowthSchedule : IAsyncDisposable
{
    private const int First = 2;

    private static readonly string[] Entities = [.. Enumerable.Range(1, 12).Select(id => id.ToString(CultureInfo.InvariantCulture))];

    private readonly Random _random;
    private readonly int _steps;
    private readonly Clock _clock = new();
    private readonly InMemoryEngine _engine;
    private readonly IAppender _client;
    private readonly Monolith _monolith = new();
    private readonly Dictionary<ProcessorGroup, ProcessorGroup> _watched = [];
    private readonly Dictionary<string, List<(string Command, long Value)>> _changes = [];
    private readonly Dictionary<string, List<string>> _asked = [];
    private readonly HashSet<string> _informed = [];
    private readonly StringBuilder _story = new();
    private Runtime _runtime;
    private FakeBinlog _binlog;
    private long _position = 1;
    private int _commands;
    private (int Snapshot, int Chunk)? _snapshot;
    private bool _calm;

    public GrowthSchedule(int seed)
    {
        _random = new Random(seed);
        _steps = _random.Next(30, 200);
        _engine = new InMemoryEngine(_clock);
        _client = _engine.OpenAppender("client");
        (_runtime, _binlog) = Begin();
    }

    public string Story => _story.ToString();

    /// <summary>How often partitions were added.</summary>
    public int Fences => _runtime.Application.Map.Epoch - 1;

    /// <summary>How many commands came after their entity had left.</summary>
    public int Late { get; private set; }

    /// <summary>Runs the schedule, lets everything come to rest, and says what is wrong; null where nothing is.</summary>
    public string? Run()
    {
        for (var step = 0; step < _steps; step++)
        {
            Act();
        }
        _calm = true;
        EndSnapshot();
        Change();
        Settle();
        return Verdict();
    }

    public async ValueTask DisposeAsync()
    {
        await _runtime.DisposeAsync();
        await _client.DisposeAsync();
        await _engine.DisposeAsync();
    }

    // ---- what happens

    private void Act()
    {
        switch (_random.Next(26))
        {
            case < 6:
                Change();
                break;
            case < 9:
                Ask();
                break;
            case < 20:
                Step();
                break;
            case 20 or 21:
                Grow();
                break;
            case 22:
                ReadAgain();
                break;
            case 23:
                Snapshot();
                break;
            case 24:
                _clock.Pass(TimeSpan.FromMilliseconds(_random.Next(100)));
                break;
            default:
                if (_random.Next(3) == 0)
                {
                    Restart();
                }
                else
                {
                    Settle();
                }
                break;
        }
    }

    private static CancellationToken None => CancellationToken.None;

    private List<ProcessorGroup> Groups =>
        [.. _runtime.Groups.Where(static group => !group.Name.EndsWith(".executor", StringComparison.Ordinal))];

    /// <summary>One source transaction over a few entities.</summary>
    private void Change()
    {
        var changes = new List<LoggedChange>();
        var touched = Entities.OrderBy(_ => _random.Next()).Take(_random.Next(1, 5)).ToList();
        var ordinal = 0;
        foreach (var entity in touched)
        {
            var value = ++_commands;
            changes.AddRange(
                _monolith.Do(
                    _monolith
                        .Rows("notes")
                        .Any(row => Encoding.UTF8.GetString(row).StartsWith($$"""{"id":{{entity}},""", StringComparison.Ordinal))
                        ? Row.Update(new NoteRow(long.Parse(entity, CultureInfo.InvariantCulture), value))
                        : Row.Insert(new NoteRow(long.Parse(entity, CultureInfo.InvariantCulture), value))
                )
            );
            Of(_changes, entity).Add(($"fake-1-{_binlog.Next}:{ordinal++}", value));
        }
        Wait(_binlog.WriteAsync(changes, _commands, None).AsTask());
        _position = _binlog.Next;
    }

    /// <summary>A client's command, to where the client believes the entity to be.</summary>
    private void Ask()
    {
        var entity = Entities[_random.Next(Entities.Length)];
        var key = Encoding.UTF8.GetBytes(entity);
        var id = $"ask-{++_commands}";
        var headers = new System.Buffers.ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, Encoding.UTF8.GetBytes(id));
        RecordHeaders.Write(headers, Header.Type, "ask"u8);
        var map = _runtime.Application.Map;
        var known = PartitionMap.Of([.. map.Counts.Take(_random.Next(2) == 0 ? map.Epoch : _random.Next(1, map.Epoch + 1))]);
        Late += known.PartitionOf(key) == map.PartitionOf(key) ? 0 : 1;
        var transaction = _client.Begin();
        transaction.Append(Commands(known.PartitionOf(key)), _commands, key, headers.WrittenSpan, """{"$type":"ask"}"""u8);
        Wait(_client.CommitAsync(transaction, durable: true, None).AsTask());
        Of(_asked, entity).Add(id);
        if (_changes.ContainsKey(entity))
        {
            // The note is in the log, in whatever partition: whoever decides this command knows of it.
            _informed.Add(id);
        }
    }

    private void Grow()
    {
        var partitions = _runtime.Application.Map.Partitions + _random.Next(1, 4);
        if (partitions > 16)
        {
            return;
        }
        try
        {
            Wait(_runtime.GrowAsync(partitions, None));
            Note($"grown to {partitions}");
        }
        catch (ArgumentException refused)
        {
            Note($"not grown to {partitions}: {refused.Message}");
        }
    }

    /// <summary>The source reads the end of its log again.</summary>
    private void ReadAgain()
    {
        foreach (var transaction in _binlog.Log.Skip(Math.Max(0, _binlog.Log.Count - _random.Next(1, 6))).ToList())
        {
            Wait(_binlog.WriteAsync(transaction, None).AsTask());
        }
    }

    /// <summary>A snapshot of the table, piece by piece, with whatever happens between. It shows what is so: nothing follows from it.</summary>
    private void Snapshot()
    {
        if (_snapshot is not { } open)
        {
            _snapshot = (WaitFor(_binlog.SnapshotBeganAsync("notes", _commands, None)), 0);
            Note("a snapshot begins");
        }
        else if (open.Chunk < 2)
        {
            var rows = _monolith.Rows("notes").ToList();
            var half = rows.Count / 2;
            Wait(_binlog.ChunkAsync("notes", open.Snapshot, open.Chunk, open.Chunk == 0 ? rows[..half] : rows, _commands, None).AsTask());
            _snapshot = (open.Snapshot, open.Chunk + 1);
        }
        else
        {
            Wait(_binlog.SnapshotEndedAsync("notes", open.Snapshot, _commands, None).AsTask());
            Wait(_binlog.AllSnapshotsEndedAsync(_commands, None).AsTask());
            _snapshot = null;
            Note("the snapshot ends");
        }
    }

    private void EndSnapshot()
    {
        while (_snapshot is not null)
        {
            Snapshot();
        }
    }

    private void Step()
    {
        var groups = Groups;
        var group = groups[_random.Next(groups.Count)];
        Step(Watched(group), _random.Next(group.Inputs[0].Partitions));
    }

    private bool Step(ProcessorGroup group, int partition)
    {
        try
        {
            return _engine.Step(group, partition);
        }
        catch (Killed)
        {
            return true;
        }
    }

    private void Settle()
    {
        var calm = _calm;
        _calm = true;
        for (var (ticks, rounds) = (0, 0); ticks < 4; rounds++)
        {
            if (rounds > 10_000)
            {
                throw new InvalidOperationException($"It does not come to rest.\n{_story}");
            }
            var worked = false;
            foreach (var group in Groups)
            {
                for (var partition = 0; partition < group.Inputs[0].Partitions; partition++)
                {
                    worked |= Step(Watched(group), partition);
                }
            }
            if (!worked)
            {
                // Time passes everywhere, so that what waits for others goes on.
                Tick();
                ticks++;
            }
        }
        _calm = calm;
    }

    private void Tick()
    {
        _commands++;
        var transaction = _client.Begin();
        for (var partition = 0; partition < _runtime.Application.Map.Partitions; partition++)
        {
            transaction.Append(Commands(partition), _commands, default, ControlHeaders.Tick, default);
        }
        Wait(_client.CommitAsync(transaction, durable: true, None).AsTask());
    }

    private void Restart()
    {
        Note("restart");
        Wait(_runtime.DisposeAsync().AsTask());
        _watched.Clear();
        (_runtime, _binlog) = Begin();
    }

    private (Runtime, FakeBinlog) Begin()
    {
        var runtime = new Runtime(
            Notes.Versions[0],
            new MillraceOptions { Partitions = First },
            _engine,
            [new NoSource()],
            new Dictionary<Type, object>(),
            new NoServices(),
            _clock,
            NullLogger.Instance
        );
        Wait(runtime.PrepareAsync(None));
        var binlog = new FakeBinlog(runtime.Captures[0], _monolith) { Next = _position };
        binlog.Resume();
        return (runtime, binlog);
    }

    private ProcessorGroup Watched(ProcessorGroup group)
    {
        if (!_watched.TryGetValue(group, out var watched))
        {
            watched = new ProcessorGroup
            {
                Name = group.Name,
                Inputs = group.Inputs,
                Create = partition => new Mortal(group.Create(partition), this),
                Faulted = static (_, _) => { },
                MaxBatch = _random.Next(1, 6),
            };
            _watched.Add(group, watched);
        }
        return watched;
    }

    private void Note(string what) => _story.AppendLine(what);

    // ---- what must be

    private string? Verdict()
    {
        if (_runtime.Held().FirstOrDefault() is { } held)
        {
            return $"{held.Entity} is held: {held.Reason}";
        }
        if (_runtime.Moving().Any())
        {
            return "Entities are still moving.";
        }
        var published = 0;
        foreach (var entity in Entities)
        {
            // Who decides changes, where an entity's records are does not: its partition of the event log is the one it had at first.
            var events = Messages("notes.note.events.1", entity, _ => true);
            var outcomes = Messages("notes.note.outcomes.1", entity, _ => true);
            published += events.Count;
            var changes = _changes.GetValueOrDefault(entity, []);
            var asked = _asked.GetValueOrDefault(entity, []);
            var decided = events.Select(e => e.Id[..e.Id.LastIndexOf('/')]).ToList();
            var ofSource = decided.Where(id => id.StartsWith("fake", StringComparison.Ordinal)).ToList();
            if (!ofSource.SequenceEqual(changes.Select(change => change.Command)))
            {
                return $"{entity}: decided [{string.Join(' ', ofSource)}] of the source's [{string.Join(' ', changes.Select(change => change.Command))}]";
            }
            if (!outcomes.Select(outcome => outcome.Id).Order().SequenceEqual(asked.Order()))
            {
                return $"{entity}: answered [{string.Join(' ', outcomes.Select(o => o.Id))}] of [{string.Join(' ', asked)}]";
            }
            // Rejected ones are those that came before the note did.
            var model = new NoteModel(0);
            foreach (var outcome in outcomes.Where(outcome => outcome.Value.Contains("rejected", StringComparison.Ordinal)))
            {
                if (_informed.Contains(outcome.Id))
                {
                    return $"{entity}: {outcome.Id} came after the note and was decided where it is not: {outcome.Value}";
                }
                if (model.Ask(entity, outcome.Id).Outcome != $"{outcome.Id} {outcome.Value}")
                {
                    return $"{entity}: {outcome.Value}";
                }
            }
            var expected = decided
                .SelectMany(id =>
                    id.StartsWith("ask", StringComparison.Ordinal)
                        ? model.Ask(entity, id).Events
                        : model.Put(entity, id, changes.Single(change => change.Command == id).Value)
                )
                .ToList();
            var found = events.Select(e => $"{e.Id} {e.Value}").ToList();
            if (!expected.SequenceEqual(found))
            {
                return $"{entity}: events [{string.Join(' ', found)}] and not [{string.Join(' ', expected)}]";
            }
        }
        var intents = Read("notes.each.intents", First).Select(record => record.Id).ToList();
        return intents.Count == published && intents.Distinct().Count() == published
            ? null
            : $"{published} events, and {intents.Count} intents ({intents.Distinct().Count()} of different names) follow from them.";
    }

    private List<(string Id, string Value)> Messages(string topic, string entity, Func<int, bool> where) =>
        [
            .. Read(topic, First)
                .Where(record => record.Key == entity && where(record.Partition))
                .Select(record => (record.Id, record.Value)),
        ];

    private IEnumerable<(int Partition, string Id, string Key, string Value)> Read(string topic, int partitions)
    {
        for (var partition = 0; partition < partitions; partition++)
        {
            using var reader = _engine.Read(new TopicPartition(new Topic(topic, partitions), partition), 0);
            while (reader.TryRead(1000, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    var headers = new RecordHeaders(record.Headers.Span);
                    if (headers.Kind != RecordKind.Control)
                    {
                        yield return (partition, Text(headers[Header.Id]), Text(record.Key.Span), Text(record.Value.Span));
                    }
                }
            }
        }
    }

    private TopicPartition Commands(int partition) => new(new Topic("notes.note.commands", _runtime.Application.Map.Partitions), partition);

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private static List<T> Of<T>(Dictionary<string, List<T>> lists, string entity)
    {
        if (!lists.TryGetValue(entity, out var list))
        {
            lists.Add(entity, list = []);
        }
        return list;
    }

    private static void Wait(Task task) => task.GetAwaiter().GetResult();

    private static T WaitFor<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();

    private sealed class Killed : Exception;

    /// <summary>A processor that may be killed with its transaction: before it has done anything, or before the commit.</summary>
    private sealed class Mortal(IProcessor inner, GrowthSchedule growth) : IProcessor
    {
        public async ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
        {
            var fate = growth._calm ? 99 : growth._random.Next(30);
            if (fate == 0)
            {
                throw new Killed();
            }
            var progress = await inner.ProcessAsync(batch, transaction, cancellation);
            return fate == 1 ? throw new Killed() : progress;
        }

        public void Committed() => inner.Committed();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class NoSource : ISource
    {
        public string Name => "monolith";

        public Task RunAsync(ICapture capture, CancellationToken cancellation) => Task.CompletedTask;
    }

    private sealed class Clock : TimeProvider
    {
        private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private TimeSpan _passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pass(TimeSpan time) => _passed += time;

        public override DateTimeOffset GetUtcNow() => Begin + _passed;

        public override long GetTimestamp() => _passed.Ticks;
    }

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }
}
