using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Engines;

namespace Millrace.Tests.Flow;

/// <summary>Everything below the event log over an engine in memory, stepped on the calling thread; the test writes the event log.</summary>
internal sealed class Rig : IAsyncDisposable
{
    private readonly IAppender _appender;
    private readonly Dictionary<string, long> _sequences = [];
    private readonly Dictionary<int, long> _passedOn = [];
    private List<ProcessorGroup> _groups = [];

    public Rig(Topology topology, int partitions = 1, int maxBatch = 4096, DownstreamServices? services = null)
    {
        Application = new Application(topology, partitions);
        Services =
            services
            ?? new DownstreamServices
            {
                Engine = new InMemoryEngine(),
                Provider = new ServiceCollection().BuildServiceProvider(),
                Faulted = (_, _, _) => { },
                Send = (_, _, _, _, _, _) => Task.FromResult<string?>(null),
            };
        MaxBatch = maxBatch;
        Engine
            .CreateTopicsAsync(
                [
                    .. topology.Aggregates.Select(Application.Commands),
                    .. topology.Aggregates.Select(Application.Events),
                    .. Downstream.Topics(Application),
                ],
                CancellationToken.None
            )
            .AsTask()
            .Wait();
        _appender = Engine.OpenAppender("test");
        Restart();
    }

    public InMemoryEngine Engine => (InMemoryEngine)Services.Engine;
    public DownstreamOperations Operations => new(Application, Services);

    /// <summary>What an operator does in a process of its own: it knows the logs alone.</summary>
    public OperatorLog Operator => new(Application, Engine, TimeProvider.System);
    public Application Application { get; }
    public DownstreamServices Services { get; }
    public int MaxBatch { get; set; }

    /// <summary>Asked before each commit whether the processor crashes there.</summary>
    public Func<bool> Crashes { get; set; } = () => false;

    private Topic Events => Application.Events(Cases.Aggregate);

    /// <summary>Begins with new processors over what is committed.</summary>
    public void Restart() =>
        _groups = [
            .. Downstream
                .Groups(Application, Services)
                .Where(group => !group.Name.EndsWith(".executor", StringComparison.Ordinal))
                .Select(group => new ProcessorGroup
                {
                    Name = group.Name,
                    Inputs = group.Inputs,
                    Create = partition => new Crashing(group.Create(partition), this),
                    Faulted = group.Faulted,
                    MaxBatch = MaxBatch,
                }),
        ];

    /// <summary>Appends an event; its id is the entity and its ordinal, so that it does not depend on when it is appended.</summary>
    public void Event(string entity, CaseEvent e, long time, bool snapshot = false, int? partition = null)
    {
        var ordinal = _sequences[entity] = _sequences.GetValueOrDefault(entity) + 1;
        var headers = new KeyBuffer();
        RecordHeaders.Write(headers, Header.Id, Encoding.UTF8.GetBytes($"{entity}-{ordinal}/0"));
        RecordHeaders.Write(headers, Header.CorrelationId, Encoding.UTF8.GetBytes($"tx-{entity}-{ordinal}"));
        RecordHeaders.Write(headers, Header.Sequence, Encoding.UTF8.GetBytes(ordinal.ToString(CultureInfo.InvariantCulture)));
        if (snapshot)
        {
            RecordHeaders.Write(headers, Header.Snapshot, [1]);
        }
        var key = Encoding.UTF8.GetBytes(entity);
        Append(
            partition ?? Slots.PartitionOf(key, Application.Partitions),
            time,
            key,
            headers.Span,
            JsonSerializer.SerializeToUtf8Bytes(e, CaseJson.Default.CaseEvent)
        );
    }

    public void Tick(long time, int? partition = null) => Control(Controls.Tick, time, [], partition);

    public void Settings(Limits limits, int? partition = null) =>
        Control(
            Controls.Settings,
            0,
            JsonSerializer.SerializeToUtf8Bytes(
                new SettingsRecord(nameof(Limits), JsonSerializer.SerializeToElement(limits, CaseJson.Default.Limits)),
                MillraceJson.Default.SettingsRecord
            ),
            partition
        );

    public void Control(ReadOnlySpan<byte> type, long time, byte[]? value = null, int? partition = null)
    {
        for (var p = 0; p < Application.Partitions; p++)
        {
            if (partition is null || partition == p)
            {
                Append(p, time, default, ControlHeaders.Pack(type), value ?? []);
            }
        }
    }

    /// <summary>Lets everything go on until nothing is left to do; a crash begins a processor anew.</summary>
    public void Settle()
    {
        PassOnDeeds();
        bool worked;
        do
        {
            worked = false;
            foreach (var group in _groups)
            {
                worked |= Step(group);
            }
        } while (worked);
    }

    /// <summary>Lets one group take one batch in each partition.</summary>
    public void StepOne(int group) => Step(_groups[group % _groups.Count]);

    public IView<TDocument> View<TDocument>()
        where TDocument : class => Downstream.Reader<TDocument>(Application, Services);

    /// <summary>Every intent of a reaction, partition by partition in order.</summary>
    public List<SeenIntent> Intents(Reaction reaction)
    {
        var seen = new List<SeenIntent>();
        for (var partition = 0; partition < Application.Partitions; partition++)
        {
            using var reader = Engine.Read(new TopicPartition(Application.Intents(reaction), partition), 0);
            while (reader.TryRead(1000, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    var headers = new RecordHeaders(record.Headers.Span);
                    seen.Add(
                        new(
                            Text(record.Key.Span),
                            record.Time,
                            Text(headers[Header.Id]),
                            Text(headers[Header.Type]),
                            Text(record.Value.Span),
                            Text(headers[Header.CorrelationId]),
                            Text(headers[Header.CausationId])
                        )
                    );
                }
            }
        }
        return seen;
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    /// <summary>Does what Decide does with what operators wrote into the command log.</summary>
    private void PassOnDeeds()
    {
        for (var partition = 0; partition < Application.Partitions; partition++)
        {
            using var reader = Engine.Read(
                new TopicPartition(Application.Commands(Cases.Aggregate), partition),
                _passedOn.GetValueOrDefault(partition)
            );
            while (reader.TryRead(1000, out var batch))
            {
                foreach (var record in batch.Records.ToArray())
                {
                    Append(partition, record.Time, record.Key.Span, record.Headers.Span, record.Value.Span);
                    _passedOn[partition] = record.Offset + 1;
                }
            }
        }
    }

    private bool Step(ProcessorGroup group)
    {
        try
        {
            return Engine.Step(group);
        }
        catch (CrashException)
        {
            return true;
        }
    }

    private void Append(int partition, long time, ReadOnlySpan<byte> key, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> value)
    {
        var transaction = _appender.Begin();
        transaction.Append(new TopicPartition(Events, partition), time, key, headers, value);
        _appender.CommitAsync(transaction, false, CancellationToken.None).AsTask().Wait();
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    private sealed class CrashException : Exception;

    private sealed class Crashing(IProcessor inner, Rig rig) : IProcessor
    {
        public async ValueTask<Progress> ProcessAsync(RecordBatch batch, ITransaction transaction, CancellationToken cancellation)
        {
            var progress = await inner.ProcessAsync(batch, transaction, cancellation);
            return batch.Records.Length > 0 && rig.Crashes() ? throw new CrashException() : progress;
        }

        public void Committed() => inner.Committed();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

internal sealed record SeenIntent(
    string Key,
    long Time,
    string Id,
    string Type,
    string Json,
    string CorrelationId = "",
    string CausationId = ""
);
