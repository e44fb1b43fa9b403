using Microsoft.CodeAnalysis;

namespace Millrace.Generators;

/// <summary>What can be wrong with a row record.</summary>
internal static class RowDiagnostics
{
    public static readonly DiagnosticDescriptor NotARecord = Error(
        "MILL100",
        "A row is a plain record class",
        "{0} cannot be a row: it {1}. A row is a record class of its own, neither abstract nor generic."
    );

    public static readonly DiagnosticDescriptor NotPartial = Error(
        "MILL101",
        "A row record is partial",
        "{0} must be partial, so that its parser can be generated"
    );

    public static readonly DiagnosticDescriptor NoKey = Error(
        "MILL102",
        "A row has a key",
        "{0} has no [Key]. Mark the column (or each column, in order) of the primary key of {1}."
    );

    public static readonly DiagnosticDescriptor NotARow = Error(
        "MILL103",
        "Parents and references are rows",
        "{0}.{1} is [{2}<{3}>], but {3} is no [Row]"
    );

    public static readonly DiagnosticDescriptor UnsupportedType = Error(
        "MILL104",
        "A column's type is known",
        "{0}.{1} is of type {2}, which no column can be read into. Use an integer, bool, decimal, double, float, string, DateTime, DateTimeOffset, "
            + "DateOnly, TimeOnly, TimeSpan, byte[], Guid, an enum or JsonElement."
    );

    public static readonly DiagnosticDescriptor DuplicateColumn = Error(
        "MILL105",
        "A column is mapped once",
        "{0}.{1} and {0}.{2} are both the column {3}"
    );

    public static readonly DiagnosticDescriptor ContainerNotPartial = Error(
        "MILL106",
        "The types around a row record are partial",
        "{0} is nested in {1}, which must be partial too"
    );

    public static readonly DiagnosticDescriptor ForeignKey = Error("MILL107", "A foreign key fits its parent's key", "{0} {1}");

    public static readonly DiagnosticDescriptor OccurredAt = Error("MILL108", "One column has the business time", "{0} {1}");

    public static readonly DiagnosticDescriptor NoEffect = Error(
        "MILL109",
        "A row's attribute says something about a column of a row",
        "[{0}] on {1}.{2} has no effect: {3}"
    );

    public static readonly DiagnosticDescriptor NoConstructor = Error(
        "MILL110",
        "A row record can be made",
        "{0} has no constructor that a parser can use. Give it positional parameters, or init properties and a constructor without parameters."
    );

    public static readonly DiagnosticDescriptor NoTable = Error("MILL111", "A row names its table", "{0} names no table");

    public static readonly DiagnosticDescriptor TakenName = Error(
        "MILL112",
        "Definition, Parse and Write are generated",
        "{0}.{1} has the name of a generated member. Name the property otherwise and its column with [Column(\"{2}\")]."
    );

    private static DiagnosticDescriptor Error(string id, string title, string message) =>
        new(id, title, message, "Millrace.Rows", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
