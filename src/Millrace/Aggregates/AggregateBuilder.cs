using System.Buffers;
using System.Collections.Immutable;
using System.Reflection;
using Millrace.Engines;

namespace Millrace;

/// <summary>An aggregate, whole. Each call returns a new definition; a definition is a value that host, tests and tools share.</summary>
/// <typeparam name="TRoot">The root's row record.</typeparam>
/// <typeparam name="TState">The state.</typeparam>
/// <typeparam name="TEvent">The base type of its events.</typeparam>
public sealed class AggregateBuilder<TRoot, TState, TEvent> : Aggregate<TEvent>
    where TRoot : class, IRow<TRoot>
    where TState : class
    where TEvent : class
{
    internal AggregateBuilder(string name, TState initial, Evolve<TState, TEvent> evolve)
        : base(name)
    {
        Initial = initial;
        Evolve = evolve;
    }

    private AggregateBuilder(AggregateBuilder<TRoot, TState, TEvent> other)
        : base(other.Name)
    {
        Initial = other.Initial;
        Evolve = other.Evolve;
        Rows = other.Rows;
        Commands = other.Commands;
        ReferenceRows = other.ReferenceRows;
        AfterTransaction = other.AfterTransaction;
        HasPersonalData = other.HasPersonalData;
    }

    internal TState Initial { get; }
    internal Evolve<TState, TEvent> Evolve { get; }
    internal ImmutableArray<MirroredRow<TRoot, TState, TEvent>> Rows { get; private init; } =
    [new MirroredRow<TRoot, TRoot, TState, TEvent>(null)];
    internal ImmutableArray<CommandHandler<TRoot, TState, TEvent>> Commands { get; private init; } = [];
    internal ImmutableArray<ReferenceRow> ReferenceRows { get; private init; } = [];
    internal DecideTransaction<TState, TRoot, TEvent>? AfterTransaction { get; private init; }
    internal bool HasPersonalData { get; private init; }
    internal override bool IsPersonal => HasPersonalData;

    internal override RowDefinition Root => TRoot.Definition;
    internal override IReadOnlyList<RowDefinition> Tables => [.. Rows.Select(row => row.Definition)];
    internal override IReadOnlyList<RowDefinition> References => [.. ReferenceRows.Select(row => row.Definition)];
    internal override Type StateType => typeof(TState);
    internal override IEnumerable<(RowDefinition Table, Type Record)> Records =>
        [.. Rows.Select(row => (row.Definition, row.RowType)), .. ReferenceRows.Select(row => (row.Definition, row.RowType))];

    internal override Orphans OrphansOf(string table) => Find(table)?.Orphans ?? Orphans.Wait;

    internal override IReadOnlyList<Type> CommandTypes => [.. Commands.Select(command => command.Type)];

    internal override IProcessor CreateDecider(DeciderSetup setup, int partition) =>
        new DecideProcessor<TRoot, TState, TEvent>(this, setup, partition);

    internal override bool WriteCommand(Topology topology, object command, IBufferWriter<byte> json) =>
        Commands.Any(handler => handler.Write(topology, command, json));

    internal override IEnumerable<MethodInfo> Code =>
        [
            Evolve.Method,
            .. Rows.SelectMany(row => row.Code),
            .. Commands.Select(command => command.Code),
            .. AfterTransaction is { } after ? [after.Method] : Array.Empty<MethodInfo>(),
        ];

    /// <summary>Decides on changes of the root or of a child.</summary>
    /// <typeparam name="TRow">A row that is part of the root's entity.</typeparam>
    /// <param name="decide">The decision.</param>
    /// <exception cref="InvalidOperationException">The row has a decision already.</exception>
    public AggregateBuilder<TRoot, TState, TEvent> OnChange<TRow>(DecideChange<TState, TRow, TRoot, TEvent> decide)
        where TRow : class, IRow<TRow>, IPartOf<TRoot>
    {
        ArgumentNullException.ThrowIfNull(decide);
        if (Rows.Any(row => row.Definition.Table == TRow.Definition.Table && row.Decides))
        {
            throw new InvalidOperationException($"The aggregate \"{Name}\" decides twice on changes of {TRow.Definition.Table}.");
        }
        var orphans = OrphansOf(TRow.Definition.Table);
        return new(this) { Rows = With(new MirroredRow<TRow, TRoot, TState, TEvent>(decide) { Orphans = orphans }) };
    }

    /// <summary>
    /// Mirrors a child, so that decisions can read it, and says what becomes of its rows whose root does not exist. A child that is decided on needs it
    /// for the latter alone.
    /// </summary>
    /// <typeparam name="TRow">A child of the root.</typeparam>
    /// <param name="orphans">What becomes of rows whose root does not exist.</param>
    /// <exception cref="InvalidOperationException">It is the root itself, which waits for nobody.</exception>
    public AggregateBuilder<TRoot, TState, TEvent> Child<TRow>(Orphans orphans = Orphans.Wait)
        where TRow : class, IRow<TRow>, IPartOf<TRoot> =>
        TRow.Definition.Table == TRoot.Definition.Table
            ? throw new InvalidOperationException($"{TRow.Definition.Table} is the root of the aggregate \"{Name}\", not a child.")
            : new(this) { Rows = With((Find(TRow.Definition.Table) ?? new MirroredRow<TRow, TRoot, TState, TEvent>(null)).With(orphans)) };

    /// <summary>Keeps a small table's rows at hand for decisions, as the log has them at each command.</summary>
    /// <typeparam name="TReference">The reference's row record.</typeparam>
    public AggregateBuilder<TRoot, TState, TEvent> Reference<TReference>()
        where TReference : class, IRow<TReference> => new(this) { ReferenceRows = ReferenceRows.Add(new ReferenceRow<TReference>()) };

    /// <summary>Decides on native commands.</summary>
    /// <typeparam name="TCommand">The base type of the commands; its JSON discriminators are the durable names.</typeparam>
    /// <param name="decide">The decision.</param>
    public AggregateBuilder<TRoot, TState, TEvent> OnCommand<TCommand>(DecideCommand<TState, TCommand, TRoot, TEvent> decide)
        where TCommand : class, ICommand<TEvent>
    {
        ArgumentNullException.ThrowIfNull(decide);
        return new(this) { Commands = Commands.Add(new CommandHandler<TCommand, TRoot, TState, TEvent>(decide)) };
    }

    /// <summary>Decides once after the last change of a source transaction, when all its rows are known.</summary>
    /// <param name="decide">The decision.</param>
    public AggregateBuilder<TRoot, TState, TEvent> OnTransaction(DecideTransaction<TState, TRoot, TEvent> decide)
    {
        ArgumentNullException.ThrowIfNull(decide);
        return new(this) { AfterTransaction = decide };
    }

    private MirroredRow<TRoot, TState, TEvent>? Find(string table) => Rows.FirstOrDefault(row => row.Definition.Table == table);

    /// <summary>
    /// Its entities are persons, or say something about one: what is recorded of an entity is encrypted with a key of its own, so that it can be erased
    /// for good (<see cref="IErasure"/>). Ids, keys, types and times are not encrypted. Once declared it stays so.
    /// </summary>
    public AggregateBuilder<TRoot, TState, TEvent> Personal() => new(this) { HasPersonalData = true };

    private ImmutableArray<MirroredRow<TRoot, TState, TEvent>> With(MirroredRow<TRoot, TState, TEvent> row)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            if (Rows[i].Definition.Table == row.Definition.Table)
            {
                return Rows.SetItem(i, row);
            }
        }
        return Rows.Add(row);
    }
}
