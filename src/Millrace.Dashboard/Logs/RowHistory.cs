using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>
/// Compares each row of an entity's commands with the row before it. Commands carry whole rows, so what changed is known from the log alone.
/// </summary>
internal sealed class RowHistory(bool fromTheBeginning)
{
    private readonly Dictionary<(string Table, string Key), Dictionary<string, string>> _rows = [];

    /// <summary>The changes of the next command.</summary>
    public IReadOnlyList<StoryChange> Read(ReadOnlySpan<byte> body)
    {
        var changes = new List<StoryChange>();
        var at = 0;
        while (ChangeBody.Next(body, ref at, out var change))
        {
            changes.Add(Compare(change));
        }
        return changes;
    }

    private StoryChange Compare(in ChangeBody change)
    {
        var table = change.TableName;
        var key = Encoding.UTF8.GetString(change.Key);
        var known = _rows.TryGetValue((table, key), out var before);
        var after = Columns(change.Row);
        if (change.Partial && before is not null)
        {
            // A column the image lacks is unknown, not different.
            foreach (var (name, value) in before)
            {
                after.TryAdd(name, value);
            }
        }
        if (change.Op is ChangeOp.Delete or ChangeOp.Left)
        {
            _rows.Remove((table, key));
            var gone = before ?? after;
            return new(
                table,
                change.Op == ChangeOp.Left ? "left" : "deleted",
                key[1..^1],
                [.. gone.Select(c => new StoryColumn(c.Key, c.Value, null))],
                0
            );
        }
        _rows[(table, key)] = after;
        if (!known)
        {
            var what =
                change.Op == ChangeOp.Joined ? "joined"
                : fromTheBeginning ? "inserted"
                : "shown";
            return new(table, what, key[1..^1], [.. after.Select(c => new StoryColumn(c.Key, null, c.Value))], 0);
        }
        var changed = after.Where(column => before!.GetValueOrDefault(column.Key) != column.Value).ToList();
        return new(
            table,
            changed.Count > 0 ? "updated" : "same",
            key[1..^1],
            [.. changed.Select(column => new StoryColumn(column.Key, before!.GetValueOrDefault(column.Key), column.Value))],
            after.Count - changed.Count
        );
    }

    private static Dictionary<string, string> Columns(ReadOnlySpan<byte> row)
    {
        var columns = new Dictionary<string, string>();
        if (row.IsEmpty)
        {
            return columns;
        }
        var reader = new Utf8JsonReader(row);
        var document = JsonElement.ParseValue(ref reader);
        if (document.ValueKind == JsonValueKind.Object)
        {
            foreach (var column in document.EnumerateObject())
            {
                columns[column.Name] = column.Value.GetRawText();
            }
        }
        return columns;
    }
}
