namespace Millrace;

/// <summary>How often one type of record is the same, and how it differs.</summary>
internal sealed class TypeTally
{
    public long Recorded { get; set; }
    public long Same { get; set; }
    public long[] Differences { get; } = new long[3];
    public long Accepted { get; set; }
    public HashSet<string> Entities { get; } = new(StringComparer.Ordinal);
    public Dictionary<(DifferenceKind Kind, string Entity), long> ByEntity { get; } = [];

    public long Of(DifferenceKind kind) => Differences[(int)kind];
}

/// <summary>What a comparison found: counts by type and entity, and the first differences.</summary>
internal sealed class ReplayTally(ReplayAcceptance? accepted, int examples)
{
    private readonly SortedSet<Difference> _first = [];

    public SortedDictionary<(ComparedLog Log, string Of, string Type), TypeTally> Types { get; } = [];

    /// <summary>The first differences in time, no two of one command.</summary>
    public IReadOnlyCollection<Difference> First => _first;

    public long Differences => Types.Values.Sum(type => type.Differences.Sum());
    public long Accepted => Types.Values.Sum(type => type.Accepted);

    public TypeTally Of(ComparedLog log, string of, string type)
    {
        if (!Types.TryGetValue((log, of, type), out var tally))
        {
            Types.Add((log, of, type), tally = new TypeTally());
        }
        return tally;
    }

    /// <summary>Counts a difference, or takes it for one that is meant.</summary>
    public void Add(Difference difference)
    {
        var type = Of(difference.Log, difference.Of, difference.Type);
        if (accepted is not null && accepted.Accepts(difference))
        {
            type.Accepted++;
            return;
        }
        type.Differences[(int)difference.Kind]++;
        type.Entities.Add(difference.Entity);
        var key = (difference.Kind, difference.Entity);
        type.ByEntity[key] = type.ByEntity.GetValueOrDefault(key) + 1;
        if (_first.Count < examples || difference.CompareTo(_first.Max) < 0)
        {
            Keep(difference);
        }
    }

    /// <summary>Adds what another partition found.</summary>
    public void Add(ReplayTally other)
    {
        foreach (var ((log, of, name), theirs) in other.Types)
        {
            var type = Of(log, of, name);
            type.Recorded += theirs.Recorded;
            type.Same += theirs.Same;
            type.Accepted += theirs.Accepted;
            for (var kind = 0; kind < theirs.Differences.Length; kind++)
            {
                type.Differences[kind] += theirs.Differences[kind];
            }
            type.Entities.UnionWith(theirs.Entities);
            foreach (var (key, count) in theirs.ByEntity)
            {
                type.ByEntity[key] = type.ByEntity.GetValueOrDefault(key) + count;
            }
        }
        foreach (var difference in other._first)
        {
            Keep(difference);
        }
    }

    private void Keep(Difference difference)
    {
        var same = _first.FirstOrDefault(known => known.Command == difference.Command && known.Entity == difference.Entity);
        if (same is not null)
        {
            if (difference.CompareTo(same) >= 0)
            {
                return;
            }
            _first.Remove(same);
        }
        _first.Add(difference);
        if (_first.Count > examples)
        {
            _first.Remove(_first.Max!);
        }
    }
}
