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
);
