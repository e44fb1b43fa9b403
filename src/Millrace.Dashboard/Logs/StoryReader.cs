using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Puts an entity's story together from the logs alone: its commands, and by their ids and their source transactions what followed from them.
/// </summary>
internal sealed class StoryReader(IEngine engine, Application application, Runtime runtime)
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(3);

    // Downstream logs are looked through by causation, whatever their keys: only so far back.
    private const int Followed = 100_000;

    public Story Read(AggregateDefinition aggregate, string id, int limit, StoryPlace? before)
    {
        var scan = new LogScan(engine, Budget);
        var key = Encoding.UTF8.GetBytes(id);
        // Who decides may change, where an entity's events and outcomes are does not.
        var partition = Slots.PartitionOf(key, application.Partitions);
        var commands = new CommandHistory(application, scan, aggregate, key).Read(
            limit,
            before,
            (source, record) => (Entry: Command(source, record, aggregate.Name), Body: Body(record, aggregate.Name))
        );
        var more = commands.Count > limit || scan.Cut;
        commands = [.. commands.TakeLast(limit)];
        var decided = commands
            .Select(command => command.Entry.Partition)
            .Distinct()
            .ToDictionary(
                of => of,
                of => engine.CommittedOffset(application.DecideGroup(aggregate), new TopicPartition(application.Commands(aggregate), of))
            );
        var waits = runtime.Moving().Where(of => of.Aggregate == aggregate.Name).Select(of => of.Partition).ToHashSet();
        var first = commands.Count > 0 ? commands[0].Entry : null;
        var ids = commands.Select(command => command.Entry.Id).ToHashSet();
        var eventLog = new TopicPartition(application.Events(aggregate), partition);
        var events = scan.Backwards(
            eventLog,
            null,
            (in Record record) => record.Key.Span.SequenceEqual(key) && new RecordHeaders(record.Headers.Span).Kind == RecordKind.Message,
            record => LogEntry.From(eventLog, record, aggregate.Name, runtime.Seals),
            // An event of an earlier command: everything before it is older still.
            block => block.Count > 0 && !ids.Contains(block[0].Causation) && before is null
        );
        var outcomes = Outcomes(scan, aggregate, partition, key);
        var intents = Intents(scan, aggregate, [.. events.Where(e => ids.Contains(e.Causation)).Select(e => e.Id ?? "")]);

        var history = new RowHistory(fromTheBeginning: before is null && !more);
        var eventsOf = events.ToLookup(e => e.Causation);
        var story = new List<StoryCommand>();
        foreach (var (entry, body) in commands)
        {
            var native = entry.Kind == RecordKind.Message;
            List<LogEntry> published = [.. eventsOf[entry.Id]];
            var outcome = entry.Id is { } command ? outcomes.GetValueOrDefault(command) : null;
            story.Add(
                new StoryCommand(
                    entry,
                    native,
                    native || entry.Erased ? [] : history.Read(body),
                    outcome?.Rejected,
                    entry.Offset >= decided[entry.Partition]
                        || (waits.Contains(entry.Partition) && outcome is null && published.Count == 0),
                    published,
                    [.. published.SelectMany(e => intents[e.Id ?? ""])]
                )
            );
        }
        return new Story(
            aggregate.Name,
            id,
            application.Map.PartitionOf(key),
            story,
            more && first is not null ? new StoryPlace(first.Partition, first.Offset).ToString() : null,
            scan.Cut,
            runtime.Held().FirstOrDefault(held => held.Aggregate == aggregate.Name && held.Entity == id),
            [.. PerEntityReactions(aggregate).SelectMany(reaction => ArmedTimers.Of(runtime, reaction.Name, id, 100))],
            [
                .. application
                    .Topology.Views.Where(view => view.Aggregate.Name == aggregate.Name && view.IsPerEntity)
                    .Select(view => view.Name),
            ],
            [
                .. application
                    .Topology.Reactions.Where(reaction => reaction.Aggregate.Name == aggregate.Name)
                    .Select(reaction => reaction.Name),
            ]
        );
    }

    private LogEntry Command(TopicPartition source, in Record record, string aggregate)
    {
        var entry = LogEntry.From(source, record, aggregate, runtime.Seals);
        return entry.Kind == RecordKind.Changes ? entry with { Value = null } : entry;
    }

    /// <summary>What a command says; nothing where it is erased.</summary>
    private byte[] Body(in Record record, string of)
    {
        var value = record.Value;
        return runtime.Seals is null || runtime.Seals.TryRead(of, record, out value) ? value.ToArray() : [];
    }

    private Dictionary<string, OutcomeRecord> Outcomes(LogScan scan, AggregateDefinition aggregate, int partition, byte[] key)
    {
        var outcomes = new Dictionary<string, OutcomeRecord>();
        if (aggregate.CommandTypes.Count > 0)
        {
            var decided = scan.Backwards(
                new TopicPartition(application.Outcomes(aggregate), partition),
                null,
                (in Record record) => record.Key.Span.SequenceEqual(key),
                record =>
                    (
                        Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.Id]),
                        Body(record, aggregate.Name) is { Length: > 0 } outcome
                            ? JsonSerializer.Deserialize(outcome, MillraceJson.Default.OutcomeRecord)!
                            : new OutcomeRecord(null, 0, 0)
                    ),
                _ => false
            );
            foreach (var (command, outcome) in decided)
            {
                outcomes[command] = outcome;
            }
        }
        return outcomes;
    }

    // What reactions wanted because of these events, whatever key the reaction has.
    private ILookup<string, LogEntry> Intents(LogScan scan, AggregateDefinition aggregate, HashSet<string> events)
    {
        var found = new List<LogEntry>();
        foreach (var reaction in application.Topology.Reactions.Where(reaction => reaction.Aggregate.Name == aggregate.Name))
        {
            var topic = application.Intents(reaction);
            for (var partition = 0; partition < topic.Partitions; partition++)
            {
                var source = new TopicPartition(topic, partition);
                var looked = 0;
                found.AddRange(
                    scan.Backwards(
                        source,
                        null,
                        (in Record record) =>
                            looked++ < Followed
                            && events.Contains(Encoding.UTF8.GetString(new RecordHeaders(record.Headers.Span)[Header.CausationId])),
                        record => LogEntry.From(source, record, reaction.Name, runtime.Seals),
                        _ => looked >= Followed
                    )
                );
            }
        }
        return found.OrderBy(intent => intent.Micros).ToLookup(intent => intent.Causation ?? "");
    }

    private IEnumerable<Reaction> PerEntityReactions(AggregateDefinition aggregate) =>
        application.Topology.Reactions.Where(reaction => reaction.Aggregate.Name == aggregate.Name && reaction.KeyedByType is null);
}
