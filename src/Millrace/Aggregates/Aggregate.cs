using System.Buffers;
using System.Reflection;
using Millrace.Engines;

namespace Millrace;

/// <summary>Decides on a change of a row. A change is a fact: any number of events, and no rejection. Pure.</summary>
/// <typeparam name="TState">The aggregate's state.</typeparam>
/// <typeparam name="TRow">The row.</typeparam>
/// <typeparam name="TRoot">The root's row.</typeparam>
/// <typeparam name="TEvent">The event type.</typeparam>
/// <param name="state">What the rows do not say.</param>
/// <param name="change">The change.</param>
/// <param name="context">The entity's rows.</param>
public delegate IEnumerable<TEvent> DecideChange<TState, TRow, TRoot, TEvent>(TState state, Change<TRow> change, Context<TRoot> context)
    where TRow : class
    where TRoot : class
    where TEvent : class;

/// <summary>Decides once after the last change of a source transaction. Pure.</summary>
/// <typeparam name="TState">The aggregate's state.</typeparam>
/// <typeparam name="TRoot">The root's row.</typeparam>
/// <typeparam name="TEvent">The event type.</typeparam>
/// <param name="state">What the rows do not say.</param>
/// <param name="root">The root's change in this transaction; null where it did not change.</param>
/// <param name="context">The entity's rows.</param>
public delegate IEnumerable<TEvent> DecideTransaction<TState, TRoot, TEvent>(TState state, Change<TRoot>? root, Context<TRoot> context)
    where TRoot : class
    where TEvent : class;

/// <summary>Decides on a native command. Pure.</summary>
/// <typeparam name="TState">The aggregate's state.</typeparam>
/// <typeparam name="TCommand">The command.</typeparam>
/// <typeparam name="TRoot">The root's row.</typeparam>
/// <typeparam name="TEvent">The event type.</typeparam>
/// <param name="state">What the rows do not say.</param>
/// <param name="command">The command.</param>
/// <param name="context">The entity's rows.</param>
public delegate Decision<TEvent> DecideCommand<TState, TCommand, TRoot, TEvent>(TState state, TCommand command, Context<TRoot> context)
    where TRoot : class
    where TEvent : class;

/// <summary>Moves the state on by an event: the only place where it moves. Pure.</summary>
/// <typeparam name="TState">The aggregate's state.</typeparam>
/// <typeparam name="TEvent">The event type.</typeparam>
/// <param name="state">The state before.</param>
/// <param name="e">The event.</param>
/// <param name="context">The event's time and entity.</param>
public delegate TState Evolve<TState, TEvent>(TState state, TEvent e, Context context);

/// <summary>
/// Begins aggregates. <c>Aggregate.Named("ticket").Root&lt;TicketRow&gt;().Publishes&lt;TicketEvent&gt;().State(new TicketState(), Evolve)</c>, then
/// <c>.OnChange&lt;TicketRow&gt;(Decide)</c> and so on.
/// </summary>
public static class Aggregate
{
    /// <summary>Begins an aggregate.</summary>
    /// <param name="name">The durable name: lower case letters, digits and dashes.</param>
    public static NamedAggregate Named(string name) => new(Names.Check(name, "aggregate"));
}

/// <summary>An aggregate with a name.</summary>
/// <param name="name">The durable name.</param>
public sealed class NamedAggregate(string name)
{
    /// <summary>Its root: one row is one entity.</summary>
    /// <typeparam name="TRoot">The root's row record.</typeparam>
    public RootedAggregate<TRoot> Root<TRoot>()
        where TRoot : class, IRow<TRoot> => new(name);
}

/// <summary>An aggregate with a root.</summary>
/// <typeparam name="TRoot">The root's row record.</typeparam>
/// <param name="name">The durable name.</param>
public sealed class RootedAggregate<TRoot>(string name)
    where TRoot : class, IRow<TRoot>
{
    /// <summary>What it publishes: a closed hierarchy whose JSON discriminators are the durable names.</summary>
    /// <typeparam name="TEvent">The base type of its events.</typeparam>
    public PublishingAggregate<TRoot, TEvent> Publishes<TEvent>()
        where TEvent : class => new(name);
}

/// <summary>An aggregate with a root and events.</summary>
/// <typeparam name="TRoot">The root's row record.</typeparam>
/// <typeparam name="TEvent">The base type of its events.</typeparam>
/// <param name="name">The durable name.</param>
public sealed class PublishingAggregate<TRoot, TEvent>(string name)
    where TRoot : class, IRow<TRoot>
    where TEvent : class
{
    /// <summary>Its state, and how events move it.</summary>
    /// <typeparam name="TState">The state: a record known to the topology's JSON context, holding only what the rows do not say.</typeparam>
    /// <param name="initial">The state of a new entity.</param>
    /// <param name="evolve">How an event moves it.</param>
    public AggregateBuilder<TRoot, TState, TEvent> State<TState>(TState initial, Evolve<TState, TEvent> evolve)
        where TState : class => new(name, initial, evolve);
}

/// <summary>An aggregate as the runtime knows it, whatever its types.</summary>
public abstract class AggregateDefinition
{
    private protected AggregateDefinition(string name) => Name = name;

    /// <summary>The durable name.</summary>
    public string Name { get; }

    /// <summary>Its root's table.</summary>
    internal abstract RowDefinition Root { get; }

    /// <summary>Every table it mirrors, the root first; the order is durable only through the names.</summary>
    internal abstract IReadOnlyList<RowDefinition> Tables { get; }

    /// <summary>The tables its decisions may look things up in.</summary>
    internal abstract IReadOnlyList<RowDefinition> References { get; }

    /// <summary>What becomes of a table's rows without a root.</summary>
    internal abstract Orphans OrphansOf(string table);

    /// <summary>Whether its records are encrypted with a key of each entity.</summary>
    internal abstract bool IsPersonal { get; }

    internal abstract Type EventType { get; }
    internal abstract Type StateType { get; }

    /// <summary>The record of each table, its references' too.</summary>
    internal abstract IEnumerable<(RowDefinition Table, Type Record)> Records { get; }
    internal abstract IReadOnlyList<Type> CommandTypes { get; }

    /// <summary>Makes the processor that decides one partition of its command log.</summary>
    internal abstract IProcessor CreateDecider(DeciderSetup setup, int partition);

    /// <summary>Writes a native command as JSON; false when it is not one of this aggregate's.</summary>
    internal abstract bool WriteCommand(Topology topology, object command, IBufferWriter<byte> json);

    /// <summary>The methods that decide and evolve: what a hash of the deciding code is made of.</summary>
    internal abstract IEnumerable<MethodInfo> Code { get; }
}

/// <summary>An aggregate that publishes <typeparamref name="TEvent"/>: what views and reactions are made of.</summary>
/// <typeparam name="TEvent">The base type of its events.</typeparam>
public abstract class Aggregate<TEvent> : AggregateDefinition
    where TEvent : class
{
    private protected Aggregate(string name)
        : base(name) { }

    internal override Type EventType => typeof(TEvent);
}
