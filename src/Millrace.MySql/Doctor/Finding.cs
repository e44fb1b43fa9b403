using Millrace.MySql.Rows;

namespace Millrace.MySql.Doctor;

/// <summary>How bad a finding is.</summary>
public enum FindingLevel
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Capturing works, but something is lost in some case that the message names.</summary>
    Warning,

    /// <summary>Capturing cannot work, or would lose changes.</summary>
    Failure,
}

/// <summary>What one check found.</summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Check">What was checked: a variable, <c>grants</c>, or <c>table NAME</c>.</param>
/// <param name="Message">What was found and, unless it is well, what follows from it.</param>
/// <param name="Remedy">The statement, or on Amazon RDS the parameter, that mends it; null where nothing is to mend.</param>
public sealed record Finding(FindingLevel Level, string Check, string Message, string? Remedy = null);

/// <summary>A table that is to be captured.</summary>
/// <param name="Name">Its name in the database that the connection string names.</param>
/// <param name="RoutingColumns">
/// The columns that route a row to its entity (its key, a child's foreign key); null when not known, then foreign keys between captured tables are
/// taken for them.
/// </param>
/// <param name="Rules">Columns that are left out, whatever their type, or masked; null for none.</param>
/// <param name="MappedColumns">Columns that the application maps and that must therefore be there; null when not known.</param>
/// <param name="TextColumns">Those of the mapped columns that are read as text alone, and may therefore be masked; null when not known.</param>
public sealed record DoctorTable(
    string Name,
    IReadOnlyList<string>? RoutingColumns = null,
    ColumnRules? Rules = null,
    IReadOnlyList<string>? MappedColumns = null,
    IReadOnlyList<string>? TextColumns = null
);

/// <summary>All that was found.</summary>
/// <param name="Server">What the server calls itself.</param>
/// <param name="Findings">The checks in order.</param>
/// <param name="LeastPrivilege">Statements that make an account which may do what capturing needs and nothing else.</param>
public sealed record Diagnosis(string Server, IReadOnlyList<Finding> Findings, string LeastPrivilege)
{
    /// <summary>Whether something keeps capturing from working.</summary>
    public bool Fails => Findings.Any(finding => finding.Level == FindingLevel.Failure);
}
