using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace;

/// <summary>What a deciding processor is given.</summary>
internal sealed record DeciderSetup(
    Application Application,
    MillraceOptions Options,
    ILogger Log,
    TimeProvider Clock,
    Func<int, DeciderCounters> Counters,
    Seals? Seals
)
{
    /// <summary>The generation.</summary>
    public int Generation { get; init; } = Millrace.Application.Generation;

    /// <summary>Makes what decides, for a partition of an aggregate, where its events and outcomes go; null where they go to the logs that everybody reads.</summary>
    public Func<AggregateDefinition, int, Outlets>? Outlets { get; init; }
}
