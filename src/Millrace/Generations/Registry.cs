namespace Millrace;

/// <summary>Which generations there are; the state of an appender, written together with the fences.</summary>
/// <param name="Version">How often it was changed.</param>
/// <param name="Live">The one that is live from the last fence on.</param>
/// <param name="Last">The highest number given so far; none is given twice.</param>
/// <param name="Fences">How many fences were written into each partition.</param>
/// <param name="Generations">All that are not dropped.</param>
internal sealed record Registry(int Version, int Live, int Last, int Fences, IReadOnlyList<Generation> Generations)
{
    public static ReadOnlySpan<byte> Key => "generations"u8;

    /// <summary>Written to be told that somebody else has written.</summary>
    public static ReadOnlySpan<byte> LookKey => "look"u8;

    /// <summary>Before anybody has ever replayed.</summary>
    public static Registry First(string code) =>
        new(0, Application.Generation, Application.Generation, 0, [new Generation(Application.Generation, GenerationRole.Live, code)]);

    public Generation? Find(int number) => Generations.FirstOrDefault(generation => generation.Number == number);

    public Generation? Find(GenerationRole role) => Generations.FirstOrDefault(generation => generation.Role == role);

    /// <summary>Those that decide.</summary>
    public IEnumerable<Generation> Deciding => Generations.Where(generation => generation.Role != GenerationRole.Dropping);

    public Registry With(Generation changed) =>
        this with
        {
            Generations = [.. Generations.Where(generation => generation.Number != changed.Number).Append(changed).OrderBy(g => g.Number)],
        };

    public Registry Without(int number) => this with { Generations = [.. Generations.Where(generation => generation.Number != number)] };
}

/// <summary>One version of the deciding code run over the command log.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Role">What it is for.</param>
/// <param name="Code">The hash of its code.</param>
internal sealed record Generation(int Number, GenerationRole Role, string Code)
{
    /// <summary>Whether its code is that of the application itself, not of a candidate beside it.</summary>
    public bool Deployed { get; init; } = true;

    /// <summary>Whether it was live once, and is not any more.</summary>
    public bool WasLive { get; init; }

    /// <summary>The share of each partition's time it may take while it is no more than a shadow, in percent.</summary>
    public int Share { get; init; } = 100;

    /// <summary>It pauses while a partition of the live one is this many commands behind; null for never.</summary>
    public long? PauseAtLag { get; init; }

    /// <summary>When it was started.</summary>
    public DateTimeOffset Started { get; init; }

    /// <summary>Who started it.</summary>
    public string? By { get; init; }
}

/// <summary>What a generation is for.</summary>
[System.Text.Json.Serialization.JsonConverter(typeof(System.Text.Json.Serialization.JsonStringEnumConverter<GenerationRole>))]
internal enum GenerationRole
{
    /// <summary>Its events are the ones that everybody reads.</summary>
    Live,

    /// <summary>It computes, unseen, and may be promoted.</summary>
    Shadow,

    /// <summary>It was live, and computes on, unseen, so that it can be gone back to.</summary>
    Retiring,

    /// <summary>It has ended, and its state is being deleted.</summary>
    Dropping,
}
