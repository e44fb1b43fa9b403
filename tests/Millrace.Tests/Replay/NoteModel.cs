namespace Millrace.Tests.Replay;

/// <summary>What each version of the notes should say, written down a second time: the oracle.</summary>
internal sealed class NoteModel(int version)
{
    private readonly Dictionary<string, (int Events, long Sequence)> _entities = [];

    /// <summary>The events of a changed row, as id and JSON.</summary>
    public IEnumerable<string> Put(string entity, string command, long value)
    {
        var (events, sequence) = _entities.GetValueOrDefault(entity);
        List<string> said = version switch
        {
            0 => [Noted(value, events)],
            1 when value % 2 == 0 => [Even(events), Noted(value, events + 1)],
            1 => [Noted(value, events)],
            _ when value % 3 == 0 => [],
            _ => [Noted(-value, events)],
        };
        _entities[entity] = (events + said.Count, sequence + 1);
        return said.Select((json, i) => $"{command}/{i} {json}");
    }

    /// <summary>The event of a native command, if any, and its outcome.</summary>
    public (IEnumerable<string> Events, string Outcome) Ask(string entity, string command)
    {
        if (!_entities.TryGetValue(entity, out var known))
        {
            return ([], $$"""{{command}} {"rejected":"There is no note {{entity}}.","events":0,"sequence":0}""");
        }
        var sequence = known.Sequence + 1;
        string? rejected = version switch
        {
            0 => null,
            1 => known.Events > 3 ? "Too many." : null,
            _ => "Never.",
        };
        _entities[entity] = (known.Events + (rejected is null ? 1 : 0), sequence);
        return rejected is null
            ? ([$$"""{{command}}/0 {"$type":"asked","Nth":{{known.Events}}}"""], $$"""{{command}} {"events":1,"sequence":{{sequence}}}""")
            : ([], $$"""{{command}} {"rejected":"{{rejected}}","events":0,"sequence":{{sequence}}}""");
    }

    private static string Noted(long value, int nth) => $$"""{"$type":"noted","Value":{{value}},"Nth":{{nth}}}""";

    private static string Even(int nth) => $$"""{"$type":"even","Nth":{{nth}}}""";
}
