using System.Buffers;
using System.Reflection;
using System.Text.Json;

namespace Millrace;

/// <summary>A table that an aggregate mirrors, and what is decided on its changes.</summary>
internal abstract class MirroredRow<TRoot, TState, TEvent>
    where TRoot : class
    where TState : class
    where TEvent : class
{
    public abstract RowDefinition Definition { get; }
    public abstract Type RowType { get; }
    public abstract bool Decides { get; }

    /// <summary>What becomes of rows without a root.</summary>
    public Orphans Orphans { get; init; }
    public abstract IEnumerable<MethodInfo> Code { get; }
    public abstract MirroredRow<TRoot, TState, TEvent> With(Orphans orphans);
    public abstract object Parse(ReadOnlySpan<byte> json);
    public abstract IEnumerable<TEvent> Decide(TState state, object? before, object? after, ChangeKind kind, Context<TRoot> context);
    public abstract Change<TRoot>? AsRoot(object? before, object? after, ChangeKind kind);
}

internal sealed class MirroredRow<TRow, TRoot, TState, TEvent>(DecideChange<TState, TRow, TRoot, TEvent>? decide)
    : MirroredRow<TRoot, TState, TEvent>
    where TRow : class, IRow<TRow>
    where TRoot : class
    where TState : class
    where TEvent : class
{
    public override RowDefinition Definition => TRow.Definition;
    public override Type RowType => typeof(TRow);
    public override bool Decides => decide is not null;
    public override IEnumerable<MethodInfo> Code => decide is null ? [] : [decide.Method];

    public override MirroredRow<TRoot, TState, TEvent> With(Orphans orphans) =>
        new MirroredRow<TRow, TRoot, TState, TEvent>(decide) { Orphans = orphans };

    public override object Parse(ReadOnlySpan<byte> json) => TRow.Parse(json);

    public override IEnumerable<TEvent> Decide(TState state, object? before, object? after, ChangeKind kind, Context<TRoot> context) =>
        decide is null ? [] : decide(state, new Change<TRow>((TRow?)before, (TRow?)after, kind), context);

    public override Change<TRoot>? AsRoot(object? before, object? after, ChangeKind kind) =>
        typeof(TRow) == typeof(TRoot) ? new Change<TRoot>((TRoot?)before, (TRoot?)after, kind) : null;
}

/// <summary>A small table kept at hand for decisions.</summary>
internal abstract class ReferenceRow
{
    public abstract RowDefinition Definition { get; }
    public abstract Type RowType { get; }
    public abstract object Parse(ReadOnlySpan<byte> json);
}

internal sealed class ReferenceRow<TRow> : ReferenceRow
    where TRow : class, IRow<TRow>
{
    public override RowDefinition Definition => TRow.Definition;
    public override Type RowType => typeof(TRow);

    public override object Parse(ReadOnlySpan<byte> json) => TRow.Parse(json);
}

/// <summary>A type of native commands, and what is decided on them.</summary>
internal abstract class CommandHandler<TRoot, TState, TEvent>
    where TRoot : class
    where TState : class
    where TEvent : class
{
    public abstract Type Type { get; }
    public abstract MethodInfo Code { get; }
    public abstract Func<ReadOnlySpan<byte>, object> Reader(Topology topology);
    public abstract bool Write(Topology topology, object command, IBufferWriter<byte> json);
    public abstract Decision<TEvent> Decide(TState state, object command, Context<TRoot> context);
}

internal sealed class CommandHandler<TCommand, TRoot, TState, TEvent>(DecideCommand<TState, TCommand, TRoot, TEvent> decide)
    : CommandHandler<TRoot, TState, TEvent>
    where TCommand : class
    where TRoot : class
    where TState : class
    where TEvent : class
{
    public override Type Type => typeof(TCommand);
    public override MethodInfo Code => decide.Method;

    public override bool Write(Topology topology, object command, IBufferWriter<byte> json)
    {
        if (command is not TCommand typed)
        {
            return false;
        }
        using var writer = new Utf8JsonWriter(json);
        JsonSerializer.Serialize(writer, typed, topology.JsonType<TCommand>());
        return true;
    }

    public override Func<ReadOnlySpan<byte>, object> Reader(Topology topology)
    {
        var type = topology.JsonType<TCommand>();
        return json => JsonSerializer.Deserialize(json, type) ?? throw new JsonException("The command is null.");
    }

    public override Decision<TEvent> Decide(TState state, object command, Context<TRoot> context) =>
        decide(state, (TCommand)command, context);
}
