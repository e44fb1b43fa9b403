using Millrace.MySql.Doctor;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql;

/// <summary>What would keep a source from capturing, each with what mends it: the doctor's failures, in the application's words.</summary>
internal static class StartCheck
{
    public static async Task<IReadOnlyList<string>> Run(
        string source,
        ServerAddress address,
        TableRules rules,
        IReadOnlyList<CapturedTable> tables,
        CancellationToken ct
    )
    {
        var wanted = tables.Select(table => new DoctorTable(
            table.Name,
            table.RoutingColumns,
            rules.Of(table.Name),
            table.Columns,
            table.TextColumns
        ));
        var diagnosis = await MySqlDoctor.ExamineAsync(address, [.. wanted], ct);
        return
        [
            .. rules.ProblemsWith(tables.Select(table => table.Name)).Select(problem => $"{source}: {problem}."),
            .. diagnosis
                .Findings.Where(finding => finding.Level == FindingLevel.Failure)
                .Select(finding => $"{source} ({address.Binlog}): {Text(finding)}"),
        ];
    }

    static string Text(Finding finding)
    {
        var isTable = finding.Check.StartsWith("table ", StringComparison.Ordinal);
        return $"{finding.Check}{(isTable ? " " : ": ")}{finding.Message}.{(finding.Remedy is { } remedy ? $" To mend it: {remedy}" : "")}";
    }
}
