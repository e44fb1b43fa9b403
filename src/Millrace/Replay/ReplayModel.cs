namespace Millrace;

/// <summary>What kind of difference it is.</summary>
internal enum DifferenceKind
{
    /// <summary>Both have it, under the same id, and say different things.</summary>
    Changed,

    /// <summary>It is recorded, and this build would not publish it.</summary>
    OnlyBefore,

    /// <summary>This build would publish it, and it is not recorded.</summary>
    OnlyAfter,
}

/// <summary>Which kind of log it stands in.</summary>
internal enum ComparedLog
{
    /// <summary>What an aggregate published.</summary>
    Events,

    /// <summary>What clients were told of their commands.</summary>
    Answers,

    /// <summary>What a reaction wanted done.</summary>
    Intents,
}

/// <summary>Which part of the log is run and compared.</summary>
internal sealed record ReplaySelection
{
    /// <summary>Compares from this time on, in microseconds; everything before is run.</summary>
    public long Since { get; init; } = long.MinValue;

    /// <summary>Compares before this time, in microseconds.</summary>
    public long Until { get; init; } = long.MaxValue;

    /// <summary>Compares from the last change of code on.</summary>
    public bool SinceCode { get; init; }

    /// <summary>Runs so many entities of each aggregate, always the same ones; 0 for all.</summary>
    public int Sample { get; init; }

    /// <summary>Runs these alone; empty for all.</summary>
    public IReadOnlyList<EntityName> Entities { get; init; } = [];

    /// <summary>Whether a record's time is inside.</summary>
    public bool Includes(long time) => time >= Since && time < Until;
}

/// <summary>An entity by its aggregate and its id.</summary>
internal readonly record struct EntityName(string Aggregate, string Id)
{
    public override string ToString() => $"{Aggregate}/{Id}";

    /// <summary>Reads <c>aggregate/id</c>; null where it is not that.</summary>
    public static EntityName? Parse(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && slash < text.Length - 1 ? new(text[..slash], text[(slash + 1)..]) : null;
    }
}

/// <summary>One difference between what was recorded and what this build would do.</summary>
/// <param name="Log">Which kind of log it stands in.</param>
/// <param name="Of">The aggregate or reaction.</param>
/// <param name="Kind">What kind of difference.</param>
/// <param name="Type">The type of the record: as recorded, or else as it would be.</param>
/// <param name="Entity">The entity; of an intent the reaction's key.</param>
/// <param name="Time">Its time, in microseconds.</param>
/// <param name="Id">Its id.</param>
/// <param name="Command">The command it comes from; of an intent the event.</param>
/// <param name="Partition">The partition.</param>
internal sealed record Difference(
    ComparedLog Log,
    string Of,
    DifferenceKind Kind,
    string Type,
    string Entity,
    long Time,
    string Id,
    string Command,
    int Partition
) : IComparable<Difference>
{
    /// <summary>The earliest first; ties by name, so that the first difference is always the same one.</summary>
    public int CompareTo(Difference? other)
    {
        if (other is null)
        {
            return 1;
        }
        var order = Time.CompareTo(other.Time);
        order = order != 0 ? order : Log.CompareTo(other.Log);
        order = order != 0 ? order : string.CompareOrdinal(Of, other.Of);
        order = order != 0 ? order : string.CompareOrdinal(Entity, other.Entity);
        return order != 0 ? order : string.CompareOrdinal(Id, other.Id);
    }
}
