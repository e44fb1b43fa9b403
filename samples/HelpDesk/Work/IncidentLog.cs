using System.Globalization;
using System.IO.Compression;

namespace HelpDesk.Work;

/// <summary>What one audit row says of its incident.</summary>
public sealed record AuditRow(
    string Number,
    string State,
    string? Caller,
    string? OpenedBy,
    DateTime OpenedAt,
    string UpdatedBy,
    DateTime UpdatedAt,
    string Category,
    string? Subcategory,
    string? Symptom,
    int Priority,
    string? Group,
    string? AssignedTo
)
{
    public string Status =>
        State switch
        {
            "New" => "new",
            "Active" => "open",
            "Resolved" => "resolved",
            "Closed" => "closed",
            _ when State.StartsWith("Awaiting", StringComparison.Ordinal) => "waiting",
            _ => throw new InvalidOperationException($"Incident {Number} has a state that is not known here: '{State}'."),
        };
}

/// <summary>The incident log: a CSV of audit rows, missing values as "?", times to the minute and without a zone (taken as UTC).</summary>
public static class IncidentLog
{
    const string TimeFormat = "dd-MM-yyyy HH:mm";

    /// <summary>All rows in the order they happened; where the minute is the same, in the order of the file.</summary>
    public static IReadOnlyList<AuditRow> Read(string path)
    {
        using var file = File.OpenRead(path);
        using var content = path.EndsWith(".gz", StringComparison.Ordinal)
            ? new GZipStream(file, CompressionMode.Decompress)
            : (Stream)file;
        using var reader = new StreamReader(content);
        var columns = (reader.ReadLine() ?? throw new InvalidOperationException($"{path} is empty.")).Split(',');
        int Column(string name) =>
            Array.IndexOf(columns, name) is >= 0 and var at ? at : throw new InvalidOperationException($"{path} has no column {name}.");
        int number = Column("number"),
            state = Column("incident_state"),
            caller = Column("caller_id"),
            openedBy = Column("opened_by"),
            openedAt = Column("opened_at"),
            updatedBy = Column("sys_updated_by"),
            updatedAt = Column("sys_updated_at"),
            category = Column("category"),
            subcategory = Column("subcategory"),
            symptom = Column("u_symptom"),
            priority = Column("priority"),
            group = Column("assignment_group"),
            assignedTo = Column("assigned_to");
        var rows = new List<AuditRow>();
        for (var line = 2; reader.ReadLine() is { } text; line++)
        {
            var cells = text.Split(',');
            if (cells.Length != columns.Length)
                throw new InvalidOperationException($"{path}, line {line}: {cells.Length} cells where the header has {columns.Length}.");
            DateTime Time(int at) =>
                DateTime.TryParseExact(
                    cells[at],
                    TimeFormat,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                    out var time
                )
                    ? time
                    : throw new InvalidOperationException($"{path}, line {line}: '{cells[at]}' is no time of the form {TimeFormat}.");
            string? Known(int at) => cells[at] == "?" ? null : cells[at];
            rows.Add(
                new AuditRow(
                    cells[number],
                    cells[state],
                    Known(caller),
                    Known(openedBy),
                    Time(openedAt),
                    cells[updatedBy],
                    Time(updatedAt),
                    Known(category) ?? "No category",
                    Known(subcategory),
                    Known(symptom),
                    5 - (cells[priority][0] - '0'), // "1 - Critical" is 4 here, "4 - Low" is 1
                    Known(group),
                    Known(assignedTo)
                )
            );
        }
        return [.. rows.OrderBy(row => row.UpdatedAt)]; // OrderBy is stable: equal minutes keep the order of the file
    }
}
