using System.Text.Json;
using System.Text.Json.Serialization;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// What of a topology the logs and the state depend on. It is saved in the engine at the first start and compared at each later one, so that
/// a change the recorded data cannot follow is refused with what changed, instead of being wrong in silence.
/// </summary>
internal sealed record Fingerprint(
    int Partitions,
    IReadOnlyList<string> Sources,
    IReadOnlyList<AggregatePrint> Aggregates,
    IReadOnlyList<ViewPrint> Views,
    IReadOnlyList<ReactionPrint> Reactions
)
{
    private static ReadOnlySpan<byte> StateKey => "fingerprint"u8;

    /// <summary>A topology's fingerprint.</summary>
    public static Fingerprint Of(Application application, IEnumerable<string> sources)
    {
        var topology = application.Topology;
        return new(
            application.Partitions,
            [.. sources.Order(StringComparer.Ordinal)],
            [
                .. topology.Aggregates.Select(aggregate => new AggregatePrint(
                    aggregate.Name,
                    Table(aggregate.Root),
                    [.. aggregate.Tables.Skip(1).Select(Table)],
                    [.. aggregate.References.Select(Table)],
                    Types(topology, [aggregate.EventType]),
                    Types(topology, aggregate.CommandTypes),
                    aggregate.IsPersonal
                )),
            ],
            [
                .. topology.Views.Select(view => new ViewPrint(
                    view.Name,
                    view.Aggregate.Name,
                    view.IsPerEntity ? "entity" : "own",
                    view.IndexNames
                )),
            ],
            [
                .. topology.Reactions.Select(reaction => new ReactionPrint(
                    reaction.Name,
                    reaction.Aggregate.Name,
                    reaction.KeyedByType is { } type ? KeyName(topology, reaction.Aggregate.EventType, type) : "entity",
                    reaction.Shape
                )),
            ]
        );
    }

    /// <summary>Compares with what was saved; saves what is new where nothing stands against it.</summary>
    /// <returns>What changed and cannot, each with what to do; empty when the application may start.</returns>
    public static Task<IReadOnlyList<string>> CheckAsync(
        IEngine engine,
        Application application,
        IEnumerable<string> sources,
        CancellationToken cancellation
    )
    {
        var now = Of(application, sources);
        return engine.DecideAsync<IReadOnlyList<string>>(
            $"{application.Topology.Name}.topology",
            transaction =>
            {
                var before = transaction.TryGet(StateKey, out var stored)
                    ? JsonSerializer.Deserialize(stored, FingerprintJson.Default.Fingerprint)
                    : null;
                if (before is not null && FingerprintComparison.Changes(before, now) is { Count: > 0 } changes)
                {
                    return (false, changes);
                }
                var saved = before is null ? now : now.With(before);
                var json = JsonSerializer.SerializeToUtf8Bytes(saved, FingerprintJson.Default.Fingerprint);
                if (
                    before is not null
                    && json.AsSpan().SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(before, FingerprintJson.Default.Fingerprint))
                )
                {
                    return (false, []);
                }
                transaction.Put(StateKey, json);
                return (true, []);
            },
            cancellation
        );
    }

    /// <summary>What was saved at the last start; null where the application has never run on this engine.</summary>
    public static Fingerprint? Recorded(IEngine engine, string topology) =>
        engine.OpenState($"{topology}.topology", 0).TryGet(StateKey, out var stored)
            ? JsonSerializer.Deserialize(stored, FingerprintJson.Default.Fingerprint)
            : null;

    /// <summary>Saves it as a start does.</summary>
    public void Save(ITransaction transaction) =>
        transaction.Put(StateKey, JsonSerializer.SerializeToUtf8Bytes(this, FingerprintJson.Default.Fingerprint));

    // Views, reactions and message types that were taken out are remembered: their logs and state are still there.
    private Fingerprint With(Fingerprint before) =>
        this with
        {
            Aggregates =
            [
                .. Aggregates.Select(aggregate =>
                    before.Aggregates.FirstOrDefault(b => b.Name == aggregate.Name) is { } was
                        ? aggregate with
                        {
                            Commands = [.. aggregate.Commands.Union(was.Commands)],
                        }
                        : aggregate
                ),
            ],
            Views = [.. Views, .. before.Views.Where(view => Views.All(now => now.Name != view.Name))],
            Reactions = [.. Reactions, .. before.Reactions.Where(reaction => Reactions.All(now => now.Name != reaction.Name))],
        };

    private static TablePrint Table(RowDefinition row) => new(row.Table, row.Key, row.Parent?.Columns);

    private static IReadOnlyList<string> Types(Topology topology, IEnumerable<Type> types) =>
        [
            .. types
                .SelectMany(type => TopologyCheck.DerivedTypes(topology, type))
                .Select(derived => derived.TypeDiscriminator as string ?? "")
                .Order(StringComparer.Ordinal),
        ];

    // The durable name where the type has one. A base type in the middle of the hierarchy has none: code may call it something else tomorrow.
    private static string KeyName(Topology topology, Type events, Type type) =>
        TopologyCheck.DerivedTypes(topology, events).FirstOrDefault(derived => derived.DerivedType == type).TypeDiscriminator as string
        ?? "own";
}

/// <summary>What the recorded data of an aggregate depends on.</summary>
internal sealed record AggregatePrint(
    string Name,
    TablePrint Root,
    IReadOnlyList<TablePrint> Children,
    IReadOnlyList<TablePrint> References,
    IReadOnlyList<string> Events,
    IReadOnlyList<string> Commands,
    bool Personal = false
)
{
    internal IEnumerable<TablePrint> Tables => [Root, .. Children, .. References];
}

/// <summary>A table: its key, and for a child the foreign key at its parent.</summary>
internal sealed record TablePrint(string Table, IReadOnlyList<string> Key, IReadOnlyList<string>? Parent);

/// <summary>What a view's state depends on.</summary>
internal sealed record ViewPrint(string Name, string Aggregate, string Key, IReadOnlyList<string> Indexes);

/// <summary>What a reaction's state depends on.</summary>
internal sealed record ReactionPrint(string Name, string Aggregate, string Key, string Shape);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Fingerprint))]
internal sealed partial class FingerprintJson : JsonSerializerContext;
