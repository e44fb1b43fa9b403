using Millrace.Engines;

namespace Millrace;

/// <content>How the generations stand.</content>
internal sealed partial class Generations
{
    private static readonly TimeSpan Over = TimeSpan.FromSeconds(10);

    private readonly Dictionary<int, Queue<(long At, long Position)>> _samples = [];

    /// <summary>Remembers where each generation is, so that a rate can be told.</summary>
    public void Sample()
    {
        foreach (var generation in Registry.Generations)
        {
            var position = Position(generation.Number);
            lock (_gate)
            {
                if (!_samples.TryGetValue(generation.Number, out var samples))
                {
                    _samples[generation.Number] = samples = [];
                }
                samples.Enqueue((_runtime.Clock.GetTimestamp(), position));
                while (samples.Count > 2 && _runtime.Clock.GetElapsedTime(samples.Peek().At) > Over)
                {
                    samples.Dequeue();
                }
            }
        }
    }

    /// <summary>How everything stands now.</summary>
    public GenerationsStatus Status()
    {
        Refresh();
        Sample();
        var registry = Registry;
        var lagOfLive = LagOf(registry.Live);
        return new GenerationsStatus(
            registry.Live,
            _code,
            _candidate?.Code,
            [.. registry.Generations.Select(generation => State(generation, lagOfLive))],
            [.. Unsettled()]
        );
    }

    private GenerationState State(Generation generation, long lagOfLive)
    {
        var isShadow = generation.Role == GenerationRole.Shadow;
        var end = Partitions().Sum(at => End(new TopicPartition(_application.Commands(at.Aggregate), at.Partition)));
        var position = Position(generation.Number);
        var lag = LagOf(generation.Number);
        var rate = Rate(generation.Number);
        var comparison = isShadow ? Compared(generation.Number) : null;
        return new GenerationState(generation.Number, generation.Role, generation.Code)
        {
            IsHere = CodeOf(generation) is not null,
            Deployed = generation.Deployed,
            Share = generation.Share,
            PauseAtLag = generation.PauseAtLag,
            Started = generation.Number == Application.Generation ? null : generation.Started,
            By = generation.By,
            Position = position,
            End = end,
            Lag = lag,
            Rate = rate,
            SecondsLeft =
                lag == 0 ? 0
                : rate is > 0 ? lag / rate
                : null,
            Faults = [.. FaultsOf(generation.Number)],
            Parked = HeldReader.Read(_runtime, generation.Number).Count(held => held.Parked),
            Comparison = comparison is not null && lag == 0 && lagOfLive == 0 ? comparison.Whole() : comparison,
            Against = isShadow ? Against(generation.Number) : [],
        };
    }

    private Comparison Compared(int number) =>
        Partitions()
            .Select(at => Comparison.Read(_engine.OpenState(_application.CompareGroup(at.Aggregate, number), at.Partition)))
            .Aggregate(Comparison.None, static (sum, one) => sum.Plus(one));

    private long Position(int number) =>
        Partitions()
            .Sum(at =>
                _engine.CommittedOffset(
                    _application.DecideGroup(at.Aggregate, number),
                    new TopicPartition(_application.Commands(at.Aggregate), at.Partition)
                )
            );

    private long LagOf(int number) => Partitions().Sum(at => Lag(at.Aggregate, at.Partition, number));

    private double? Rate(int number)
    {
        lock (_gate)
        {
            if (!_samples.TryGetValue(number, out var samples) || samples.Count < 2)
            {
                return null;
            }
            var (first, last) = (samples.Peek(), samples.Last());
            var seconds = _runtime.Clock.GetElapsedTime(first.At, last.At).TotalSeconds;
            return seconds > 0 ? (last.Position - first.Position) / seconds : null;
        }
    }
}

/// <summary>How the generations stand.</summary>
/// <param name="Live">The one that is live.</param>
/// <param name="Code">The hash of this build's deciding code.</param>
/// <param name="Candidate">The hash of the candidate's; null where there is none.</param>
/// <param name="Generations">All that are not dropped.</param>
/// <param name="Unsettled">The partitions that have not got through the last fence, each with why; empty when all have.</param>
internal sealed record GenerationsStatus(
    int Live,
    string Code,
    string? Candidate,
    IReadOnlyList<GenerationState> Generations,
    IReadOnlyList<string> Unsettled
);

/// <summary>How one generation stands, over all its partitions.</summary>
internal sealed record GenerationState(int Number, GenerationRole Role, string Code)
{
    /// <summary>Whether this process has its code, and runs it.</summary>
    public bool IsHere { get; init; }

    public bool Deployed { get; init; }
    public int Share { get; init; }
    public long? PauseAtLag { get; init; }
    public DateTimeOffset? Started { get; init; }
    public string? By { get; init; }

    /// <summary>Commands decided.</summary>
    public long Position { get; init; }

    /// <summary>Commands recorded.</summary>
    public long End { get; init; }
    public long Lag { get; init; }

    /// <summary>Commands a second over the last seconds; null where nobody has looked for long enough.</summary>
    public double? Rate { get; init; }

    /// <summary>Until it has caught up, at this rate; null where that cannot be told.</summary>
    public double? SecondsLeft { get; init; }
    public IReadOnlyList<string> Faults { get; init; } = [];
    public int Parked { get; init; }

    /// <summary>Of a shadow: how what it decides differs from the record. While it is behind, what it has come to.</summary>
    public Comparison? Comparison { get; init; }

    /// <summary>Of a shadow: what speaks against promoting it.</summary>
    public IReadOnlyList<string> Against { get; init; } = [];

    /// <summary>One line for a person.</summary>
    public string Line
    {
        get
        {
            if (Role == GenerationRole.Dropping)
            {
                return $"generation {Number} has ended; its state is being deleted";
            }
            var text = FormattableString.Invariant($"generation {Number}, {Word}: {Position:N0} of {End:N0} commands");
            if (!IsHere)
            {
                text += $"; its code ({Code}) is not in this process";
            }
            if (Role != GenerationRole.Live)
            {
                text += Lag == 0 ? ", caught up" : FormattableString.Invariant($", {Lag:N0} to go");
            }
            if (Lag > 0 && Rate is { } rate)
            {
                text += FormattableString.Invariant($" at {rate:N0}/s");
                text += SecondsLeft is { } left ? $", about {Span(left)} left" : "";
            }
            if (Comparison is { } compared)
            {
                text +=
                    compared.Differences == 0
                        ? FormattableString.Invariant($"; no difference in {compared.Same + compared.Outcomes:N0} so far")
                        : FormattableString.Invariant(
                            $"; so far {compared.Different:N0} events differ, {compared.Added:N0} are new, {compared.Missing:N0} are missing, {compared.OtherOutcomes:N0} answers to clients would be others"
                        );
            }
            if (Parked > 0)
            {
                text += FormattableString.Invariant($"; {Parked:N0} entities parked");
            }
            return Faults.Count == 0 ? text : $"{text}; FALLEN OVER: {Faults[0]}";
        }
    }

    private string Word =>
        Role switch
        {
            GenerationRole.Live => "live",
            GenerationRole.Shadow => Share < 100 ? $"in the shadow with {Share} % of the time" : "in the shadow",
            _ => "kept to go back to",
        };

    private static string Span(double seconds) =>
        seconds < 90 ? FormattableString.Invariant($"{Math.Max(1, seconds):N0} s")
        : seconds < 5400 ? FormattableString.Invariant($"{seconds / 60:N0} min")
        : FormattableString.Invariant($"{seconds / 3600:N1} h");
}
