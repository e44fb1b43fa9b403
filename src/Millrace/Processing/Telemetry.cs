using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.IO.Hashing;

namespace Millrace;

/// <summary>The names by which metrics and traces are collected. Names of instruments, spans and tags are stable; see docs/telemetry.md.</summary>
public static class MillraceTelemetry
{
    /// <summary>The meter: <c>AddMeter(MillraceTelemetry.MeterName)</c>.</summary>
    public const string MeterName = "Millrace";

    /// <summary>The activity source: <c>AddSource(MillraceTelemetry.ActivitySourceName)</c>.</summary>
    public const string ActivitySourceName = "Millrace";
}

/// <summary>
/// Every instrument and every span. Instruments are observed: they cost nothing where data flows, and what the pages show is what is collected.
/// No row value is ever a tag.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private static readonly ActivitySource Spans = new(MillraceTelemetry.ActivitySourceName);
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(500);

    private readonly Meter _meter;
    private readonly Func<RuntimeStatus> _take;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private RuntimeStatus? _status;

    public Telemetry(IMeterFactory meters, Func<RuntimeStatus> status, TimeProvider time)
    {
        _meter = meters.Create(new MeterOptions(MillraceTelemetry.MeterName));
        _take = status;
        _time = time;
        Sources();
        Aggregates();
        Downstream();
    }

    /// <summary>
    /// Begins the span of an intent being carried out. Its trace is made of what everything began with (a source transaction, a request): the
    /// same on every machine and at every try, without a header on any record.
    /// </summary>
    public static Activity? StartIntent(string intent, string reaction, string correlation, string id)
    {
        if (!Spans.HasListeners())
        {
            return null;
        }
        var activity = Spans.StartActivity($"execute {intent}", ActivityKind.Consumer, Root(correlation));
        activity?.SetTag("millrace.reaction", reaction);
        activity?.SetTag("millrace.intent.id", id);
        activity?.SetTag("millrace.correlation.id", correlation);
        return activity;
    }

    /// <summary>Begins the span of a native command, from its being sent to its decision, linked to the trace of what follows from it.</summary>
    public static Activity? StartCommand(string command, string aggregate, string correlation)
    {
        if (!Spans.HasListeners())
        {
            return null;
        }
        var activity = Spans.StartActivity(
            $"send {command}",
            ActivityKind.Producer,
            default(ActivityContext),
            links: [new ActivityLink(Root(correlation))]
        );
        activity?.SetTag("millrace.aggregate", aggregate);
        activity?.SetTag("millrace.correlation.id", correlation);
        return activity;
    }

    public void Dispose() => _meter.Dispose();

    private static ActivityContext Root(string correlation)
    {
        Span<byte> hash = stackalloc byte[24];
        var bytes = System.Text.Encoding.UTF8.GetBytes(correlation);
        XxHash128.Hash(bytes, hash);
        XxHash3.Hash(bytes, hash[16..]);
        return new(
            ActivityTraceId.CreateFromBytes(hash[..16]),
            ActivitySpanId.CreateFromBytes(hash[16..]),
            ActivityTraceFlags.Recorded,
            isRemote: true
        );
    }

    private RuntimeStatus Status()
    {
        lock (_gate)
        {
            // One collection reads every instrument; it takes one status for all of them.
            return _status is { } status && _time.GetUtcNow() - status.At < Fresh ? status : _status = _take();
        }
    }

    private void Sources()
    {
        Gauge(
            "millrace.source.lag",
            "s",
            "Behind the server's head; not reported while unknown.",
            status =>
                status
                    .Sources.Where(source => source.Status?.LagMicroseconds is not null)
                    .Select(source => Of(source.Status!.LagMicroseconds!.Value / 1e6, source))
        );
        Gauge(
            "millrace.source.backlog",
            "By",
            "Bytes of log between the position and the server's head, where known.",
            status =>
                status
                    .Sources.Where(source => source.Status?.LagBytes is not null)
                    .Select(source => Of(source.Status!.LagBytes!.Value, source))
        );
        Gauge(
            "millrace.source.connected",
            "1",
            "1 while connected and reading, else 0.",
            status => status.Sources.Select(source => Of(source is { Status.Connected: true, Fault: null } ? 1 : 0, source))
        );
        Counter(
            "millrace.source.rows",
            "{row}",
            "Row changes read from the log.",
            status => status.Sources.Select(source => Of(source.Status?.Rows ?? 0, source))
        );
        Gauge(
            "millrace.source.snapshot.rows",
            "{row}",
            "Rows shown by a running snapshot.",
            status =>
                status.Sources.SelectMany(source =>
                    (source.Status?.Snapshots ?? []).Select(snapshot => Of(snapshot.Rows, source, snapshot.Table))
                )
        );
        Gauge(
            "millrace.source.snapshot.estimated",
            "{row}",
            "Rows the server estimates a running snapshot has.",
            status =>
                status.Sources.SelectMany(source =>
                    (source.Status?.Snapshots ?? []).Select(snapshot => Of(snapshot.EstimatedRows, source, snapshot.Table))
                )
        );
        Gauge(
            "millrace.loop.age",
            "s",
            "Since a loop last went round.",
            status =>
                status.Loops.Select(loop => new Measurement<double>(
                    Math.Max(0, (status.At - loop.Heartbeat).TotalSeconds),
                    new("loop", loop.Name),
                    new("partition", loop.Partition)
                ))
        );
    }

    private void Aggregates()
    {
        Partitions(Gauge, "millrace.command.lag", "{command}", "Commands not decided yet.", partition => partition.Lag);
        Partitions(Counter, "millrace.command.decided", "{command}", "Commands decided.", partition => partition.Commands);
        Partitions(Counter, "millrace.command.rejected", "{command}", "Native commands rejected.", partition => partition.Rejected);
        Partitions(Counter, "millrace.change.equal", "{change}", "Changes dropped: the mirror had the row.", partition => partition.Equal);
        Partitions(Counter, "millrace.event.published", "{event}", "Events published.", partition => partition.Events);
        Partitions(Gauge, "millrace.row.waiting", "{row}", "Rows that wait for their root.", partition => partition.WaitingRows);
        Partitions(
            Counter,
            "millrace.row.dropped",
            "{row}",
            "Rows dropped: their root does not exist.",
            partition => partition.DroppedRows
        );
        Partitions(Gauge, "millrace.entity.held", "{entity}", "Entities parked, or waiting for a reference.", partition => partition.Held);
    }

    private void Downstream()
    {
        Each(Gauge, "millrace.view.lag", "{record}", "Records a view has not applied yet.", s => s.Views, v => Of(v.Lag, v));
        Each(Gauge, "millrace.view.documents", "{document}", "Documents of a view.", s => s.Views, v => Of(v.Documents, v));
        Each(Counter, "millrace.view.applied", "{record}", "Records a view has applied.", s => s.Views, v => Of(v.Applied, v));
        Each(Gauge, "millrace.reaction.lag", "{record}", "Records a reaction has not handled yet.", s => s.Reactions, r => Of(r.Lag, r));
        Each(Counter, "millrace.reaction.intents", "{intent}", "Intents returned.", s => s.Reactions, r => Of(r.Intents, r));
        Each(
            Counter,
            "millrace.reaction.suppressed",
            "{intent}",
            "Intents of a time before effects began.",
            s => s.Reactions,
            r => Of(r.Suppressed, r)
        );
        Each(Gauge, "millrace.timer.armed", "{timer}", "Timers armed.", s => s.Reactions, r => Of(r.TimersArmed, r));
        Each(Counter, "millrace.timer.fired", "{timer}", "Timers fired.", s => s.Reactions, r => Of(r.TimersFired, r));
        Each(Gauge, "millrace.intent.lag", "{intent}", "Intents not carried out yet.", s => s.Executors, e => Of(e.Lag, e));
        Each(Counter, "millrace.intent.done", "{intent}", "Intents carried out.", s => s.Executors, e => Of(e.Done, e));
        Each(Counter, "millrace.intent.failed", "{try}", "Tries that threw.", s => s.Executors, e => Of(e.Failed, e));
        Each(Gauge, "millrace.intent.parked", "{intent}", "Intents parked after too many tries.", s => s.Executors, e => Of(e.Parked, e));
    }

    private delegate void Instrument(
        string name,
        string unit,
        string description,
        Func<RuntimeStatus, IEnumerable<Measurement<double>>> read
    );

    private void Gauge(string name, string unit, string description, Func<RuntimeStatus, IEnumerable<Measurement<double>>> read) =>
        _meter.CreateObservableGauge(name, () => read(Status()), unit, description);

    private void Counter(string name, string unit, string description, Func<RuntimeStatus, IEnumerable<Measurement<double>>> read) =>
        _meter.CreateObservableCounter(name, () => read(Status()), unit, description);

    private static void Partitions(Instrument instrument, string name, string unit, string description, Func<PartitionState, long> value) =>
        instrument(
            name,
            unit,
            description,
            status =>
                status.Partitions.Select(partition => new Measurement<double>(
                    value(partition),
                    new("aggregate", partition.Aggregate),
                    new("partition", partition.Partition)
                ))
        );

    private static void Each<T>(
        Instrument instrument,
        string name,
        string unit,
        string description,
        Func<RuntimeStatus, IReadOnlyList<T>> of,
        Func<T, Measurement<double>> value
    ) => instrument(name, unit, description, status => of(status).Select(value));

    private static Measurement<double> Of(double value, SourceState source) =>
        new(value, new KeyValuePair<string, object?>("source", source.Name));

    private static Measurement<double> Of(double value, SourceState source, string table) =>
        new(value, new("source", source.Name), new("table", table));

    private static Measurement<double> Of(double value, ViewState view) => new(value, new KeyValuePair<string, object?>("view", view.Name));

    private static Measurement<double> Of(double value, ReactionState reaction) =>
        new(value, new KeyValuePair<string, object?>("reaction", reaction.Name));

    private static Measurement<double> Of(double value, ExecutorState executor) =>
        new(value, new KeyValuePair<string, object?>("reaction", executor.Reaction));
}
