using System.Globalization;
using System.Text;
using Millrace.Engines;

namespace Millrace;

/// <summary>A record that somebody looks at: copied, with its value opened.</summary>
/// <param name="Partition">Its partition.</param>
/// <param name="Offset">Its offset; -1 where it is in no log.</param>
/// <param name="Time">Its time, in microseconds.</param>
/// <param name="Id">Its id.</param>
/// <param name="Type">Its type; empty for a command made of row changes, and for an answer.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Value">Its value; null where it is erased.</param>
internal sealed record ShownRecord(int Partition, long Offset, long Time, string Id, string Type, RecordKind Kind, string? Value);

/// <summary>A difference with all that belongs to it.</summary>
/// <param name="Difference">The difference.</param>
/// <param name="Command">The command both decided; null where it is not in the log (a sweep).</param>
/// <param name="Before">The entity before it, as this build has it.</param>
/// <param name="Recorded">What is recorded of it.</param>
/// <param name="Replayed">What this build makes of it.</param>
internal sealed record ExplainedDifference(
    Difference Difference,
    ShownRecord? Command,
    EntitySnapshot? Before,
    IReadOnlyList<ShownRecord> Recorded,
    IReadOnlyList<ShownRecord> Replayed
);

/// <summary>An entity at one moment of its history.</summary>
/// <param name="Entity">The entity.</param>
/// <param name="Snapshot">What it was; null before it was there.</param>
/// <param name="Last">Its last command until then; null where there was none.</param>
/// <param name="Published">What this build publishes of that command.</param>
internal sealed record EntityAt(EntityName Entity, EntitySnapshot? Snapshot, ShownRecord? Last, IReadOnlyList<ShownRecord> Published);

/// <summary>A moment in an entity's history.</summary>
/// <param name="Time">Up to this time, inclusive, in microseconds.</param>
/// <param name="Command">Up to and with the command of this id.</param>
/// <param name="Sequence">As soon as it has this command ordinal.</param>
/// <param name="Before">Before that command instead of after it.</param>
internal sealed record ReplayMoment(long? Time = null, string? Command = null, long? Sequence = null, bool Before = false)
{
    /// <summary>Reads a moment: a time, a command ordinal, or a command's id. Null stands for the end.</summary>
    public static ReplayMoment Parse(string? text) =>
        text is null ? new ReplayMoment()
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) ? new ReplayMoment(Sequence: sequence)
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? new ReplayMoment(Time: Instants.Of(time))
        : new ReplayMoment(Command: text);
}

/// <summary>Runs one entity's commands through this build, to any moment of its history.</summary>
internal sealed class EntityReplay(ReplayRun run)
{
    private const int Batch = 4096;

    /// <summary>The entity as of a moment.</summary>
    /// <exception cref="ReplayException">There is no such aggregate, or no such moment.</exception>
    public async Task<EntityAt> AtAsync(EntityName name, ReplayMoment moment, CancellationToken cancellation)
    {
        var aggregate = run.Aggregate(name.Aggregate);
        var walk = await WalkAsync(aggregate, name.Id, moment, null, cancellation).ConfigureAwait(false);
        if (moment.Command is { } command && !walk.Found)
        {
            throw new ReplayException($"{name} has no command \"{command}\".");
        }
        return new EntityAt(name, walk.Snapshot, walk.Last, walk.Published);
    }

    /// <summary>Every command of an entity in order, each with what this build publishes and answers.</summary>
    public async Task<IReadOnlyList<(ShownRecord Command, IReadOnlyList<ShownRecord> Published)>> HistoryAsync(
        EntityName name,
        CancellationToken cancellation
    )
    {
        var history = new List<(ShownRecord, IReadOnlyList<ShownRecord>)>();
        await WalkAsync(
                run.Aggregate(name.Aggregate),
                name.Id,
                new ReplayMoment(),
                null,
                cancellation,
                walk => history.Add((walk.Last!, [.. walk.Published]))
            )
            .ConfigureAwait(false);
        return history;
    }

    /// <summary>The reference rows of an entity's partition, as they are at the end of the log.</summary>
    public IReadOnlyDictionary<(string Table, string Key), string> References(EntityName name)
    {
        var aggregate = run.Aggregate(name.Aggregate);
        var key = Encoding.UTF8.GetBytes(name.Id);
        var source = new TopicPartition(run.Application.Commands(aggregate), Slots.PartitionOf(key, run.Application.Partitions));
        var rows = new Dictionary<(string, string), string>();
        foreach (
            var record in Find(
                source,
                aggregate.Name,
                long.MaxValue,
                static (in Record record) => new RecordNames(record.Headers.Span).Type.SequenceEqual(Controls.Reference)
            )
        )
        {
            var at = 0;
            while (ChangeBody.Next(Encoding.UTF8.GetBytes(record.Value!), ref at, out var change))
            {
                rows[(change.TableName, Encoding.UTF8.GetString(change.Key))] = Encoding.UTF8.GetString(change.Row);
            }
        }
        return rows;
    }

    /// <summary>Puts beside a difference the command, the entity before it, and both decisions.</summary>
    public async Task<ExplainedDifference> ExplainAsync(Difference difference, CancellationToken cancellation)
    {
        if (difference.Log == ComparedLog.Intents)
        {
            return new ExplainedDifference(difference, null, null, [], []);
        }
        var aggregate = run.Aggregate(difference.Of);
        var walk = await WalkAsync(
                aggregate,
                difference.Entity,
                new ReplayMoment(Command: difference.Command, Before: true),
                difference.Command,
                cancellation
            )
            .ConfigureAwait(false);
        var topic = difference.Log == ComparedLog.Events ? run.Application.Events(aggregate) : run.Application.Outcomes(aggregate);
        var cause = Encoding.UTF8.GetBytes(difference.Command);
        var key = Encoding.UTF8.GetBytes(difference.Entity);
        var recorded = Find(
            new TopicPartition(topic, difference.Partition),
            aggregate.Name,
            long.MaxValue,
            (in Record record) => record.Key.Span.SequenceEqual(key) && new RecordNames(record.Headers.Span).Cause.SequenceEqual(cause)
        );
        return new ExplainedDifference(
            difference,
            walk.Command,
            walk.Snapshot,
            [.. recorded],
            [.. walk.Caused.Where(record => difference.Log == ComparedLog.Events == (record.Type.Length > 0))]
        );
    }

    private delegate bool Wanted(in Record record);

    private List<ShownRecord> Find(TopicPartition source, string of, long end, Wanted wanted)
    {
        var found = new List<ShownRecord>();
        using var cursor = new RecordedCursor(run.Engine, source);
        for (; cursor.HasHead && cursor.Head.Offset < end; cursor.Advance())
        {
            if (wanted(cursor.Head))
            {
                found.Add(Show(source.Partition, of, cursor.Head));
            }
        }
        return found;
    }

    private ShownRecord Show(int partition, string of, in Record record)
    {
        var names = new RecordNames(record.Headers.Span);
        ReadOnlyMemory<byte> value = record.Value;
        var readable = run.Seals is null || run.Seals.TryRead(of, record, out value);
        return new ShownRecord(
            partition,
            record.Offset,
            record.Time,
            Encoding.UTF8.GetString(names.Id),
            Encoding.UTF8.GetString(names.Type),
            new RecordHeaders(record.Headers.Span).Kind,
            readable ? Encoding.UTF8.GetString(value.Span) : null
        );
    }

    private sealed class Walk
    {
        public EntitySnapshot? Snapshot;
        public ShownRecord? Command;
        public ShownRecord? Last;
        public bool Found;
        public List<ShownRecord> Published = [];
        public List<ShownRecord> Caused = [];
    }

    /// <summary>Goes through an entity's commands until a moment; further, where what a command caused is asked for and it is held.</summary>
    private async Task<Walk> WalkAsync(
        AggregateDefinition aggregate,
        string id,
        ReplayMoment moment,
        string? cause,
        CancellationToken cancellation,
        Action<Walk>? handled = null
    )
    {
        var key = Encoding.UTF8.GetBytes(id);
        var partition = Slots.PartitionOf(key, run.Application.Partitions);
        var end = run.Decided(aggregate, partition);
        var walk = new Walk();
        await using var replayer = run.Replayer(aggregate, partition, candidate => candidate.SequenceEqual(key));
        replayer.State.Appended = (target, time, of, headers, value) =>
        {
            var names = new RecordNames(headers);
            if (names.IsControl)
            {
                return;
            }
            var shown = Show(partition, aggregate.Name, new Record(-1, time, of.ToArray(), headers.ToArray(), value.ToArray()));
            walk.Published.Add(shown);
            if (cause is not null && Encoding.UTF8.GetString(names.Cause) == cause)
            {
                walk.Caused.Add(shown);
            }
        };
        await replayer.BeginAsync(cancellation).ConfigureAwait(false);
        using var reader = run.Engine.Read(replayer.Source, 0);
        var one = new Record[1];
        for (long next = 0; next < end && !walk.Found && reader.TryRead(Batch, out var batch); )
        {
            for (var i = 0; i < batch.Records.Length && !walk.Found; i++)
            {
                one[0] = batch.Records.Span[i];
                next = one[0].Offset + 1;
                if (one[0].Offset >= end)
                {
                    break;
                }
                var names = new RecordNames(one[0].Headers.Span);
                var own = !names.IsControl && one[0].Key.Span.SequenceEqual(key);
                if (!own && !names.IsControl)
                {
                    continue;
                }
                if (moment.Time is { } until && !(names.IsControl && one[0].Key.IsEmpty) && one[0].Time > until)
                {
                    walk.Found = own;
                    continue;
                }
                var isIt = own && moment.Command is { } command && Encoding.UTF8.GetString(names.Id) == command;
                if (isIt)
                {
                    walk.Command = Show(partition, aggregate.Name, one[0]);
                    walk.Snapshot = moment.Before ? EntitySnapshot.Read(replayer.State, id) : null;
                }
                if (own)
                {
                    walk.Published.Clear();
                    walk.Last = Show(partition, aggregate.Name, one[0]);
                }
                await replayer.HandleAsync(one, cancellation).ConfigureAwait(false);
                walk.Found |= isIt;
                if (own)
                {
                    handled?.Invoke(walk);
                }
                if (own && moment.Sequence is { } sequence && EntitySnapshot.Read(replayer.State, id)?.Sequence >= sequence)
                {
                    walk.Found = true;
                }
            }
        }
        if (!moment.Before)
        {
            if (!walk.Found)
            {
                await replayer.FinishAsync(cancellation).ConfigureAwait(false);
            }
            walk.Snapshot = EntitySnapshot.Read(replayer.State, id);
        }
        return walk;
    }
}
