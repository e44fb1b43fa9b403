namespace Millrace;

/// <summary>
/// Says which differences between two fingerprints the recorded data cannot follow. New views, reactions, message types, and tables that were
/// never captured are fine; a view or reaction may be taken out.
/// </summary>
internal static class FingerprintComparison
{
    public static IReadOnlyList<string> Changes(Fingerprint before, Fingerprint now)
    {
        var changes = new List<string>();
        if (before.Partitions != now.Partitions)
        {
            changes.Add(
                $"The number of partitions was {before.Partitions} and is now {now.Partitions}; entities would change their partition. Set Millrace:Partitions back to {before.Partitions}."
            );
        }
        foreach (var source in before.Sources.Except(now.Sources))
        {
            changes.Add(
                $"The source \"{source}\" is gone{Instead("sources", now.Sources.Except(before.Sources))}; its name is part of what was recorded. Give the source its old name back."
            );
        }
        var captured = before.Aggregates.SelectMany(aggregate => aggregate.Tables).Select(table => table.Table).ToHashSet();
        foreach (var was in before.Aggregates)
        {
            if (now.Aggregates.FirstOrDefault(aggregate => aggregate.Name == was.Name) is { } aggregate)
            {
                Aggregate(was, aggregate, captured, changes);
            }
            else
            {
                changes.Add(
                    $"The aggregate \"{was.Name}\" is gone{Instead("aggregates", now.Aggregates.Select(a => a.Name).Except(before.Aggregates.Select(a => a.Name)))}; its commands and events are recorded under that name. Give it its old name back."
                );
            }
        }
        foreach (var added in now.Aggregates.Where(aggregate => before.Aggregates.All(was => was.Name != aggregate.Name)))
        {
            foreach (var table in added.Tables.Where(table => captured.Contains(table.Table)))
            {
                changes.Add(AlreadyCaptured($"The new aggregate \"{added.Name}\"", table));
            }
        }
        foreach (var was in before.Views)
        {
            if (now.Views.FirstOrDefault(view => view.Name == was.Name) is { } view)
            {
                View(was, view, changes);
            }
        }
        foreach (var was in before.Reactions)
        {
            if (now.Reactions.FirstOrDefault(reaction => reaction.Name == was.Name) is { } reaction)
            {
                Reaction(was, reaction, changes);
            }
        }
        return changes;
    }

    private static void Aggregate(AggregatePrint was, AggregatePrint now, HashSet<string> captured, List<string> changes)
    {
        var who = $"The aggregate \"{was.Name}\"";
        if (was.Root.Table != now.Root.Table)
        {
            changes.Add(
                $"{who} had the root {was.Root.Table} and now has {now.Root.Table}. Give the new root an aggregate with a name of its own."
            );
        }
        else if (!was.Root.Key.SequenceEqual(now.Root.Key))
        {
            changes.Add(
                $"{who}: the key of {was.Root.Table} was ({List(was.Root.Key)}) and is now ({List(now.Root.Key)}); entities would change their identity. Declare the old key again."
            );
        }
        if (was.Personal && !now.Personal)
        {
            changes.Add($"{who} was personal, and its records are encrypted: call .Personal() on it again.");
        }
        foreach (
            var (before, after, what) in Pairs(was.Children, now.Children, "child")
                .Concat(Pairs(was.References, now.References, "reference"))
        )
        {
            if (after is null)
            {
                changes.Add(
                    $"{who} no longer has the {what} {before.Table}, whose rows are recorded. Map it again (without a decision, if you like)."
                );
            }
            else if (!before.Key.SequenceEqual(after.Key))
            {
                changes.Add(
                    $"{who}: the key of {before.Table} was ({List(before.Key)}) and is now ({List(after.Key)}). Declare the old key again."
                );
            }
            else if (!(before.Parent ?? []).SequenceEqual(after.Parent ?? []))
            {
                changes.Add(
                    $"{who}: {before.Table} belonged to its parent by ({List(before.Parent ?? [])}) and now does by ({List(after.Parent ?? [])}). Declare the old foreign key again."
                );
            }
        }
        var known = was.Tables.Select(table => table.Table).ToHashSet();
        foreach (
            var table in now.Children.Concat(now.References).Where(table => !known.Contains(table.Table) && captured.Contains(table.Table))
        )
        {
            changes.Add(AlreadyCaptured(who, table));
        }
        foreach (var name in was.Events.Except(now.Events))
        {
            changes.Add(
                $"{who} no longer knows the event \"{name}\", which may be in its log. Keep its type under this durable name, even if nothing publishes it any more."
            );
        }
    }

    private static string AlreadyCaptured(string who, TablePrint table) =>
        $"{who} maps {table.Table}, which was captured before without it; its recorded rows would be missed. Rebuilding from recorded commands is not built yet: map it in a fresh application (a new topology name).";

    private static void View(ViewPrint was, ViewPrint now, List<string> changes)
    {
        var difference =
            was.Aggregate != now.Aggregate ? $"was of the aggregate \"{was.Aggregate}\" and is now of \"{now.Aggregate}\""
            : was.Key != now.Key ? $"had {KeyWords(was.Key)} and now has {KeyWords(now.Key)}"
            : !was.Indexes.ToHashSet().SetEquals(now.Indexes) ? $"had the indexes ({List(was.Indexes)}) and now has ({List(now.Indexes)})"
            : null;
        if (difference is not null)
        {
            changes.Add($"The view \"{was.Name}\" {difference}. Give it a new name: it is then built anew from the events.");
        }
    }

    private static void Reaction(ReactionPrint was, ReactionPrint now, List<string> changes)
    {
        var difference =
            was.Aggregate != now.Aggregate ? $"was of the aggregate \"{was.Aggregate}\" and is now of \"{now.Aggregate}\""
            : was.Key != now.Key && (was.Key == "entity" || now.Key != "own") ? $"had {KeyWords(was.Key)} and now has {KeyWords(now.Key)}"
            : was.Shape != now.Shape ? $"was \"{was.Shape}\" and is now \"{now.Shape}\""
            : null;
        if (difference is not null)
        {
            changes.Add($"The reaction \"{was.Name}\" {difference}. Give it a new name: its state is then built anew from the events.");
        }
    }

    private static string KeyWords(string key) =>
        key switch
        {
            "entity" => "the entity as its key",
            "own" => "a key of its own",
            _ => $"a key taken from \"{key}\"",
        };

    private static IEnumerable<(TablePrint Before, TablePrint? After, string What)> Pairs(
        IReadOnlyList<TablePrint> before,
        IReadOnlyList<TablePrint> now,
        string what
    ) => before.Select(was => (was, now.FirstOrDefault(table => table.Table == was.Table), what));

    private static string Instead(string what, IEnumerable<string> added) =>
        added.ToList() is { Count: > 0 } names ? $" (new {what}: {List(names)})" : "";

    private static string List(IEnumerable<string> names) => string.Join(", ", names);
}
